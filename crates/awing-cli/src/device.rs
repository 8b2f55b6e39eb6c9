use crate::failure::Failure;
use awing_train::Device;
use clap::ValueEnum;

/// Where to compute.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(crate) enum DeviceChoice {
    /// The processor
    #[default]
    Cpu,
    /// The graphics card by Vulkan, Metal or DirectX 12
    Wgpu,
}

impl DeviceChoice {
    pub(crate) fn device(self) -> Result<Device, Failure> {
        match self {
            Self::Cpu => Ok(Device::flex()),
            #[cfg(feature = "wgpu")]
            Self::Wgpu => wgpu(),
            #[cfg(not(feature = "wgpu"))]
            Self::Wgpu => Err(Failure::Usage(
                "--device wgpu: this build has no GPU support; build it with \
                 `cargo build --release -p awing-cli --features wgpu`"
                    .to_owned(),
            )),
        }
    }
}

/// The graphics card, tried with a first tensor: without a driver the backend panics instead of saying so.
#[cfg(feature = "wgpu")]
fn wgpu() -> Result<Device, Failure> {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let tried = std::panic::catch_unwind(|| {
        let device = Device::wgpu(Default::default());
        device.sync().map(|()| device)
    });
    std::panic::set_hook(hook);
    match tried {
        Ok(Ok(device)) => Ok(device),
        _ => Err(Failure::Work(
            "--device wgpu: no graphics card with a Vulkan, Metal or DirectX 12 driver answers; use --device cpu"
                .to_owned(),
        )),
    }
}
