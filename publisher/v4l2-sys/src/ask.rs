//! Questions to a device, one at a time, and safe to ask. The `v4l` crate asks for all controls at once, and panics at the first
//! whose type or name it does not know, as it does at a product's name that is cut inside a character.

use std::ffi::c_void;
use std::io;
use std::mem::{size_of, zeroed};
use std::os::fd::{AsRawFd, BorrowedFd};

use crate::{v4l2_capability, v4l2_control, v4l2_query_ext_ctrl, v4l2_querymenu};

const READ: u32 = 2;
const READ_AND_WRITE: u32 = 3;

/// `_IOC(direction, 'V', number, bytes)` of the kernel's `asm-generic/ioctl.h`.
const fn request(direction: u32, number: u32, bytes: usize) -> u32 {
    (direction << 30) | ((bytes as u32) << 16) | ((b'V' as u32) << 8) | number
}

pub const VIDIOC_QUERYCAP: u32 = request(READ, 0, size_of::<v4l2_capability>());
pub const VIDIOC_G_CTRL: u32 = request(READ_AND_WRITE, 27, size_of::<v4l2_control>());
pub const VIDIOC_S_CTRL: u32 = request(READ_AND_WRITE, 28, size_of::<v4l2_control>());
pub const VIDIOC_QUERYMENU: u32 = request(READ_AND_WRITE, 37, size_of::<v4l2_querymenu>());
pub const VIDIOC_QUERY_EXT_CTRL: u32 = request(READ_AND_WRITE, 103, size_of::<v4l2_query_ext_ctrl>());

/// What the device can do: bits of the kernel's `V4L2_CAP_*`.
pub fn capabilities(device: BorrowedFd<'_>) -> io::Result<u32> {
    // SAFETY: all fields are integers, for which zero is a value.
    let mut answer: v4l2_capability = unsafe { zeroed() };
    // SAFETY: the request goes with this structure.
    unsafe { ask(device, VIDIOC_QUERYCAP, (&raw mut answer).cast()) }?;
    Ok(answer.device_caps)
}

/// The control `id`; with `V4L2_CTRL_FLAG_NEXT_CTRL` in it, the one after `id`. `EINVAL`: there is none.
pub fn query_control(device: BorrowedFd<'_>, id: u32) -> io::Result<v4l2_query_ext_ctrl> {
    // SAFETY: all fields are integers, for which zero is a value.
    let mut control: v4l2_query_ext_ctrl = unsafe { zeroed() };
    control.id = id;
    // SAFETY: the request goes with this structure.
    unsafe { ask(device, VIDIOC_QUERY_EXT_CTRL, (&raw mut control).cast()) }?;
    Ok(control)
}

/// An item of a menu: its name, and its number where the menu is one of numbers. `EINVAL`: there is none at `index`.
pub fn query_menu_item(device: BorrowedFd<'_>, id: u32, index: u32) -> io::Result<(String, i64)> {
    // SAFETY: all fields are integers, for which zero is a value.
    let mut item: v4l2_querymenu = unsafe { zeroed() };
    (item.id, item.index) = (id, index);
    // SAFETY: the request goes with this structure.
    unsafe { ask(device, VIDIOC_QUERYMENU, (&raw mut item).cast()) }?;
    // SAFETY: both are integers all through, whichever the driver has written.
    let (name, value) = unsafe { (item.__bindgen_anon_1.name, item.__bindgen_anon_1.value) };
    Ok((text(name), value))
}

/// The value of a control of 32 bits.
pub fn control_value(device: BorrowedFd<'_>, id: u32) -> io::Result<i32> {
    let mut control = v4l2_control { id, value: 0 };
    // SAFETY: the request goes with this structure.
    unsafe { ask(device, VIDIOC_G_CTRL, (&raw mut control).cast()) }?;
    Ok(control.value)
}

/// Sets a control of 32 bits.
pub fn set_control_value(device: BorrowedFd<'_>, id: u32, value: i32) -> io::Result<()> {
    let mut control = v4l2_control { id, value };
    // SAFETY: the request goes with this structure.
    unsafe { ask(device, VIDIOC_S_CTRL, (&raw mut control).cast()) }
}

/// What stands before the first zero, whatever bytes it is made of.
pub fn text(bytes: impl IntoIterator<Item = impl Byte>) -> String {
    let bytes: Vec<u8> = bytes.into_iter().map(Byte::byte).take_while(|byte| *byte != 0).collect();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// C's `char` has a sign on some machines.
pub trait Byte {
    fn byte(self) -> u8;
}

impl Byte for u8 {
    fn byte(self) -> u8 {
        self
    }
}

impl Byte for i8 {
    fn byte(self) -> u8 {
        self.cast_unsigned()
    }
}

unsafe extern "C" {
    #[cfg(target_env = "musl")]
    fn ioctl(device: i32, request: i32, ...) -> i32;
    #[cfg(not(target_env = "musl"))]
    fn ioctl(device: i32, request: std::ffi::c_ulong, ...) -> i32;
}

/// # Safety
/// `argument` must be the structure that goes with `request`.
unsafe fn ask(device: BorrowedFd<'_>, request: u32, argument: *mut c_void) -> io::Result<()> {
    loop {
        // SAFETY: the caller's promise; the descriptor is open as long as it is borrowed.
        if unsafe { ioctl(device.as_raw_fd(), request as _, argument) } == 0 {
            return Ok(());
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}
