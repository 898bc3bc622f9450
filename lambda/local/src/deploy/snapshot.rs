//! A copy of what a function of the template runs, for a version that stays as it is.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use lambda_protocol::sigv4::payload_hash;

use super::unpack::UNPACKED_BYTES;
use crate::{
    function::{Function, Program},
    languages::{BOOTSTRAP, Language},
};

/// What a function's code is: files with their names in an archive, sorted by them.
#[derive(Debug)]
pub(crate) struct Files(Vec<(PathBuf, PathBuf)>);

impl Files {
    /// Of a function that is not kept in a folder of ours. Blocks.
    ///
    /// # Errors
    /// They cannot be listed, or are too many for a function.
    pub(crate) fn of(function: &Function) -> io::Result<Self> {
        let Ok(program) = &function.program else { return Ok(Self(Vec::new())) };
        if Language::of(&function.runtime) == Some(Language::Provided) {
            return Ok(Self(vec![(PathBuf::from(BOOTSTRAP), program.executable.clone())]));
        }
        let mut files = Vec::new();
        list(program, &program.directory, &mut files)?;
        files.sort();
        Ok(Self(files))
    }

    /// Their number of bytes, and a hash that another number or content would change. Blocks.
    ///
    /// # Errors
    /// One cannot be read, or all together are too large for a function.
    pub(crate) fn measure(&self) -> io::Result<(u64, [u8; 32])> {
        let mut left = UNPACKED_BYTES;
        let mut hashes = Vec::new();
        for (name, path) in &self.0 {
            left = left.checked_sub(fs::metadata(path)?.len()).ok_or_else(too_large)?;
            hashes.extend_from_slice(name.as_os_str().as_encoded_bytes());
            hashes.push(0);
            hashes.extend_from_slice(&payload_hash(&fs::read(path)?));
        }
        Ok((UNPACKED_BYTES - left, payload_hash(&hashes)))
    }

    /// Blocks.
    ///
    /// # Errors
    /// Some of them are not there.
    pub(crate) fn copy_to(&self, folder: &Path) -> io::Result<()> {
        for (name, path) in &self.0 {
            let to = folder.join(name);
            if let Some(parent) = to.parent() {
                fs::create_dir_all(parent)?;
            }
            fs::copy(path, &to)?;
        }
        Ok(())
    }
}

fn list(program: &Program, folder: &Path, files: &mut Vec<(PathBuf, PathBuf)>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        // Of a link, what it leads to.
        let Ok(metadata) = fs::metadata(&path) else { continue };
        if metadata.is_dir() {
            if path.file_name().is_some_and(|name| !LEFT_OUT.iter().any(|left_out| name == *left_out)) {
                list(program, &path, files)?;
            }
        } else if let Ok(name) = path.strip_prefix(&program.directory) {
            if files.len() == MAX_FILES {
                return Err(io::Error::other(format!("the function has more than {MAX_FILES} files")));
            }
            files.push((name.to_owned(), path.clone()));
        }
    }
    Ok(())
}

fn too_large() -> io::Error {
    io::Error::other(format!("the function's code is larger than {UNPACKED_BYTES} bytes"))
}

/// Folders that are no part of a function.
const LEFT_OUT: [&str; 3] = [".git", "__pycache__", ".aws-sam"];

/// Ours, as for archives.
const MAX_FILES: usize = 200_000;
