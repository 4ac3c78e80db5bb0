//! A disk that hangs: shows a directory at another place, and answers nothing while a file says so.
//!
//! It speaks FUSE's protocol itself, and reads one request at a time. A library for FUSE takes a
//! request from the kernel before anybody can say that the disk hangs, and whoever waits for a
//! request that was taken can't be killed. `crates/e2e/hang.sh` puts it below auditseal.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command's output")]

mod mirror;
mod wire;

use std::ffi::CString;
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread::sleep;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::Mode;
use rustix::fs::{OFlags, open};
use rustix::io::Errno;
use rustix::mount::{MountFlags, mount};

use mirror::Mirror;
use wire::Request;

const USAGE: &str = "usage: hangfs DIRECTORY MOUNTPOINT HANG

Shows DIRECTORY at MOUNTPOINT until it is unmounted; `umount -l`, or a kill of this process, ends it
also while it hangs. While there is a file HANG, nothing is answered: whoever asks meanwhile waits
in the kernel until the file is gone, or until SIGKILL. Is `taken` in the file, what is asked is
taken from the kernel all the same, as by a driver whose disk is silent: SIGKILL waits, too.";

/// More than a request may be long: what is written at once, and what stands before it.
const REQUEST: usize = wire::MAX_WRITE as usize + 4096;
/// How often it is looked whether the disk hangs.
const SOON: Duration = Duration::from_millis(20);

/// What is done with requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Course {
    /// Read and answered.
    Answer,
    /// Not even read: who waits for one can be killed.
    Leave,
    /// Read, and answered later: who waits for one can't be killed.
    Take,
}

/// What the file HANG says.
fn course(hang: &Path) -> Course {
    match std::fs::read(hang) {
        Ok(said) if said.starts_with(b"taken") => Course::Take,
        Ok(_) => Course::Leave,
        Err(_) => Course::Answer,
    }
}

/// Mounts what this process answers for.
fn mounted(at: &Path) -> io::Result<File> {
    let flags = OFlags::RDWR | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let device = File::from(open("/dev/fuse", flags, Mode::empty())?);
    let options = format!(
        "fd={},rootmode=40000,user_id=0,group_id=0,default_permissions,allow_other",
        device.as_raw_fd()
    );
    let options = CString::new(options)?;
    let flags = MountFlags::NOSUID | MountFlags::NODEV;
    mount("hangfs", at, "fuse", flags, options.as_c_str())?;
    Ok(device)
}

/// The next request, if one comes soon. `Err`: it was unmounted.
fn next(mut device: &File, buffer: &mut [u8]) -> io::Result<Option<usize>> {
    let soon = Timespec::try_from(SOON).map_err(io::Error::other)?;
    if poll(&mut [PollFd::new(device, PollFlags::IN)], Some(&soon))? == 0 {
        return Ok(None);
    }
    match device.read(buffer) {
        Ok(length) => Ok(Some(length)),
        // Another reader would have it, a signal came, or whoever asked was killed.
        Err(error) => match Errno::from_io_error(&error) {
            Some(Errno::AGAIN | Errno::INTR | Errno::NOENT) => Ok(None),
            _ => Err(error),
        },
    }
}

/// Answers one request.
fn answer(mut device: &File, mirror: &mut Mirror, bytes: &[u8]) -> io::Result<()> {
    let Some(request) = Request::read(bytes) else {
        return Err(io::Error::other("the kernel sent what is no request"));
    };
    let Some(answer) = mirror.answer(&request) else { return Ok(()) };
    match device.write_all(&wire::reply(request.unique, answer)) {
        // Whoever asked was killed meanwhile.
        Err(error) if Errno::from_io_error(&error) == Some(Errno::NOENT) => Ok(()),
        written => written,
    }
}

fn serve(directory: &Path, at: &Path, hang: &Path) -> io::Result<()> {
    // The kernel has taken the writer's umask off already.
    rustix::process::umask(Mode::empty());
    let mut mirror = Mirror::of(directory)?;
    let device = mounted(at)?;
    println!("mounted");
    let mut taken: Vec<Vec<u8>> = Vec::new();
    let mut buffer = vec![0; REQUEST];
    loop {
        let course = course(hang);
        match course {
            Course::Leave => {
                sleep(SOON);
                continue;
            }
            Course::Answer => {
                for request in taken.drain(..) {
                    answer(&device, &mut mirror, &request)?;
                }
            }
            Course::Take => {}
        }
        let request = match next(&device, &mut buffer) {
            Ok(Some(length)) => &buffer[..length],
            Ok(None) => continue,
            Err(error) if Errno::from_io_error(&error) == Some(Errno::NODEV) => return Ok(()),
            Err(error) => return Err(error),
        };
        match course {
            Course::Take => taken.push(request.to_vec()),
            Course::Answer | Course::Leave => answer(&device, &mut mirror, request)?,
        }
    }
}

fn main() -> ExitCode {
    let paths: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [directory, at, hang] = paths.as_slice() else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    match serve(directory, at, hang) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("hangfs at {}: {error}", at.display());
            ExitCode::from(1)
        }
    }
}
