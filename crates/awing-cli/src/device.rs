use crate::failure::Failure;
use awing::Device;
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
            Self::Wgpu => Ok(Device::wgpu(Default::default())),
            #[cfg(not(feature = "wgpu"))]
            Self::Wgpu => Err(Failure::Usage(
                "--device wgpu: this build has no GPU support; build it with \
                 `cargo build --release -p awing-cli --features wgpu`"
                    .to_owned(),
            )),
        }
    }
}
