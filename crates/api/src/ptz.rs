//! Turning a camera: what it can, and what is asked of it.

use serde::{Deserialize, Serialize};
use ts_rs::TS;
use utoipa::ToSchema;

use crate::problem::Problem;

/// `GET /api/v1/cameras/{id}/ptz`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Ptz {
    /// The camera is being asked; ask again in a second or two.
    Looking,
    /// It can be turned.
    Able(PtzAbility),
    /// It cannot, or it could not be asked.
    Unable {
        /// Why, and what to do.
        problem: Problem,
    },
}

/// What of a camera can be turned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
pub struct PtzAbility {
    /// To the sides, up and down.
    pub pan_tilt: bool,
    /// Nearer and farther.
    pub zoom: bool,
    /// The positions that the camera remembers.
    pub presets: Vec<PtzPreset>,
}

/// A position that the camera remembers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
pub struct PtzPreset {
    /// By which it is asked for.
    pub token: String,
    /// For people.
    pub name: String,
}

/// `POST /api/v1/cameras/{id}/ptz/move`: how fast, each from -1 to 1. It ends by itself a second after the last one.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, TS, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PtzMove {
    /// To the right; to the left if negative.
    #[serde(default)]
    pub pan: f64,
    /// Up; down if negative.
    #[serde(default)]
    pub tilt: f64,
    /// Nearer; farther if negative.
    #[serde(default)]
    pub zoom: f64,
}

/// `POST /api/v1/cameras/{id}/ptz/preset`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, TS, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PtzGoto {
    /// Of the position to go to.
    pub token: String,
}
