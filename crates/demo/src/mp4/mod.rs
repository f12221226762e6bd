//! Reads the sample tables of an MP4 or QuickTime file (ISO/IEC 14496-12) that lies in memory.
//!
//! Only what a camera can send is understood: one H.264, H.265 or AV1 track, and at most one of AAC or G.711. Bad input
//! gives an error, never a panic and never more memory than the file's own size warrants.
//! What does not belong here: RTP, and fragmented files (`ffmpeg -c copy` makes a plain one of those).

mod boxes;
mod entry;
mod movie;
mod table;

pub(crate) use entry::{AudioFormat, Law, VideoFormat};
pub(crate) use movie::{AudioTrack, VideoSample, VideoTrack, read};

/// Why a file cannot be a camera's film.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReadMovieError {
    /// There is no `moov` box: no MP4 at all, or cut short.
    #[error("no whole moov box: not an MP4 file, or cut short")]
    NoMovie,
    /// The samples are in fragments, not in tables.
    #[error(
        "the file is fragmented; make a plain MP4 of it with: ffmpeg -i FILE -c copy PLAIN.mp4"
    )]
    Fragmented,
    /// No track that a camera could send.
    #[error("no H.264, H.265 or AV1 track with pictures in it")]
    NoVideo,
    /// A box is missing or says what cannot be.
    #[error("box {part} is missing or damaged")]
    Damaged {
        /// The box's name.
        part: &'static str,
    },
}
