//! A graphics card's memory, for encoders that take pictures from there alone (VAAPI): opened, and pictures put into it.
//!
//! Never ran on hardware: written from libav's documentation and its example `vaapi_encode.c`. What does not belong here:
//! which encoder is used (`encoder`, `choice`).
#![expect(unsafe_code, reason = "ffmpeg-next wraps nothing of a card's memory")]

use std::ptr::{self, NonNull};

use ffmpeg_next as ffmpeg;
use ffmpeg_next::codec::encoder::video::Video;
use ffmpeg_next::ffi;
use ffmpeg_next::frame::Video as Frame;

/// Pictures in the card at once: what an encoder without B-frames holds, and some more (guess, that of libav's example).
const POOL: i32 = 20;

/// Memory of a card for pictures of one size, NV12.
pub(crate) struct Card {
    frames: Counted,
}

/// A reference that libav counts.
struct Counted(NonNull<ffi::AVBufferRef>);

impl Drop for Counted {
    fn drop(&mut self) {
        let mut buffer = self.0.as_ptr();
        // SAFETY: the reference is ours, and given back once.
        unsafe { ffi::av_buffer_unref(&raw mut buffer) };
    }
}

impl Card {
    /// The first card of this machine that has VAAPI.
    pub(crate) fn open(width: u32, height: u32) -> Result<Self, ffmpeg::Error> {
        let side = |side: u32| i32::try_from(side).map_err(|_| ffmpeg::Error::InvalidData);
        let (width, height) = (side(width)?, side(height)?);
        let mut device = ptr::null_mut();
        let kind = ffi::AVHWDeviceType::AV_HWDEVICE_TYPE_VAAPI;
        // SAFETY: the pointer is written to, no device is named, and no options are given.
        check(unsafe {
            ffi::av_hwdevice_ctx_create(&raw mut device, kind, ptr::null(), ptr::null_mut(), 0)
        })?;
        let device = Counted(NonNull::new(device).ok_or(ffmpeg::Error::Unknown)?);
        // SAFETY: the device lives; what is made holds a reference of its own to it.
        let frames = unsafe { ffi::av_hwframe_ctx_alloc(device.0.as_ptr()) };
        let frames = Counted(NonNull::new(frames).ok_or(ffmpeg::Error::Unknown)?);
        // SAFETY: the data of such a reference is an AVHWFramesContext, allocated as one, and nobody else's before it is
        // initialised.
        check(unsafe {
            let data = (*frames.0.as_ptr()).data.cast::<std::ffi::c_void>();
            let context = data.cast::<ffi::AVHWFramesContext>();
            (*context).format = ffi::AVPixelFormat::AV_PIX_FMT_VAAPI;
            (*context).sw_format = ffi::AVPixelFormat::AV_PIX_FMT_NV12;
            (*context).width = width;
            (*context).height = height;
            (*context).initial_pool_size = POOL;
            ffi::av_hwframe_ctx_init(frames.0.as_ptr())
        })?;
        Ok(Self { frames })
    }

    /// An encoder that is not open yet will take its pictures from here.
    pub(crate) fn give_to(&self, encoder: &mut Video) {
        // SAFETY: the context is the encoder's own and not open yet; the reference is a new one, and its to give back.
        unsafe {
            (*encoder.as_mut_ptr()).hw_frames_ctx = ffi::av_buffer_ref(self.frames.0.as_ptr());
        }
    }

    /// A picture of NV12, in the card.
    pub(crate) fn upload(&self, picture: &Frame) -> Result<Frame, ffmpeg::Error> {
        let mut uploaded = Frame::empty();
        // SAFETY: the frame is empty and ours; it gets memory of the card, and then what the picture holds.
        unsafe {
            let to = uploaded.as_mut_ptr();
            check(ffi::av_hwframe_get_buffer(self.frames.0.as_ptr(), to, 0))?;
            check(ffi::av_hwframe_transfer_data(to, picture.as_ptr(), 0))?;
        }
        uploaded.set_pts(picture.pts());
        uploaded.set_kind(picture.kind());
        Ok(uploaded)
    }
}

fn check(code: i32) -> Result<(), ffmpeg::Error> {
    if code < 0 { Err(ffmpeg::Error::from(code)) } else { Ok(()) }
}
