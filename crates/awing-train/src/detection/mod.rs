//! Detectors that are programs of their own.

mod external_detector;

pub use external_detector::ExternalDetector;
