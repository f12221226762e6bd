//! Words between the hub and its clients: what may be asked, what is answered, what went wrong.
//!
//! The types here are the only source of the OpenAPI document and of `ui/src/hub/generated/`. What does not
//! belong here: how an answer is found, HTTP.

pub mod alert;
pub mod camera;
pub mod connection;
pub mod event;
pub mod ledger;
pub mod live;
pub mod problem;
pub mod ptz;
pub mod recording;
pub mod rights;
pub mod storage;
pub mod supervision;
pub mod system;
pub mod tier;
pub mod timeline;

use serde::{Deserialize, Serialize};
use ts_rs::TS;
use utoipa::ToSchema;

/// A bounded list: `next` is what to pass as `after` for the following page, absent on the last one.
#[derive(Clone, Debug, Serialize, Deserialize, TS, ToSchema)]
pub struct Page<T> {
    /// The items of this page.
    pub items: Vec<T>,
    /// Where the next page begins.
    pub next: Option<String>,
}

/// Calls `visit` once for each type that the UI is generated from.
#[macro_export]
macro_rules! for_each_exported_type {
    ($visit:ident) => {
        $visit!($crate::Page<$crate::camera::Camera>);
        $visit!($crate::camera::Camera);
        $visit!($crate::camera::NewCamera);
        $visit!($crate::camera::CameraChange);
        $visit!($crate::camera::CameraTest);
        $visit!($crate::camera::CameraTestResult);
        $visit!($crate::camera::CameraStatus);
        $visit!($crate::camera::RecorderItem);
        $visit!($crate::event::Event);
        $visit!($crate::event::NewCameraEvent);
        $visit!($crate::live::MseRequest);
        $visit!($crate::live::MseMessage);
        $visit!($crate::live::MseRenewal);
        $visit!($crate::live::MseReport);
        $visit!($crate::problem::Problem);
        $visit!($crate::ptz::Ptz);
        $visit!($crate::ptz::PtzMove);
        $visit!($crate::ptz::PtzGoto);
        $visit!($crate::rights::Session);
        $visit!($crate::rights::NewStreamToken);
        $visit!($crate::rights::NewToken);
        $visit!($crate::rights::TokenItem);
        $visit!($crate::supervision::Supervision);
        $visit!($crate::system::System);
        $visit!($crate::system::Storage);
        $visit!($crate::system::RecordingSwitch);
        $visit!($crate::system::NewDemo);
        $visit!($crate::tier::NewTier);
        $visit!($crate::tier::TierChange);
        $visit!($crate::tier::TierRestored);
        $visit!($crate::timeline::Timeline);
        $visit!($crate::timeline::SegmentItem);
        $visit!($crate::alert::Alert);
        $visit!($crate::alert::AlertMute);
        $visit!($crate::alert::AlertSettings);
        $visit!($crate::alert::AlertSettingsChange);
        $visit!($crate::ledger::Ledger);
        $visit!($crate::storage::StoragePolicy);
        $visit!($crate::storage::StorageForecast);
        $visit!($crate::storage::NewFootageLock);
        $visit!($crate::storage::FootageLock);
    };
}
