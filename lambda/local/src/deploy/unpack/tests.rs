use std::io::Seek;

use proptest::prelude::*;
use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

use super::*;

fn archive(write: impl FnOnce(&mut ZipWriter<Cursor<Vec<u8>>>)) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    write(&mut writer);
    writer.finish().unwrap().into_inner()
}

fn file(writer: &mut ZipWriter<impl Write + Seek>, name: &str, mode: u32, content: &[u8]) {
    let options = SimpleFileOptions::default().unix_permissions(mode);
    writer.start_file(name, options).unwrap();
    writer.write_all(content).unwrap();
}

/// What the archive becomes, and the folder that it lies in.
fn unpacked(archive: &[u8]) -> (Result<(), UnpackError>, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    fs::create_dir(&root).unwrap();
    (within(1 << 20, archive, &root), folder)
}

#[track_caller]
fn check_refused(archive: &[u8], expected: &str) {
    let (result, folder) = unpacked(archive);
    assert_eq!(result.unwrap_err().to_string(), expected);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing but the root");
}

#[test]
fn files_folders_modes_and_links_come_out_as_they_went_in() {
    let zip = archive(|writer| {
        file(writer, "bootstrap", 0o755, b"#!/bin/sh");
        file(writer, "./lib/deep/data.json", 0o640, b"{}");
        writer.add_directory("empty/", SimpleFileOptions::default()).unwrap();
        writer.add_symlink("lib/run", "../bootstrap", SimpleFileOptions::default()).unwrap();
    });
    let (result, folder) = unpacked(&zip);
    result.unwrap();
    let root = folder.path().join("root");
    let mode = |path: &str| fs::metadata(root.join(path)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("bootstrap"), mode("lib/deep/data.json")), (0o755, 0o640));
    assert!(root.join("empty").is_dir());
    assert_eq!(fs::read(root.join("lib/run")).unwrap(), b"#!/bin/sh");
}

#[test]
fn no_name_leads_out_of_the_folder() {
    for name in ["../evil", "/etc/evil", "a/../../evil", "a\\..\\evil"] {
        let zip = archive(|writer| file(writer, name, 0o644, b"x"));
        check_refused(&zip, &format!("{name:?} in it is a path that leads out of the archive"));
    }
}

#[test]
fn no_link_leads_out_of_the_folder() {
    for target in ["../evil", "/etc/passwd", "a/../../evil", "b/.."] {
        let zip = archive(|writer| {
            writer.add_symlink("link", target, SimpleFileOptions::default()).unwrap();
        });
        check_refused(&zip, "\"link\" in it is a link that leads out of the archive");
    }
}

#[test]
fn no_file_is_written_through_a_link() {
    let zip = archive(|writer| {
        file(writer, "dir/inner", 0o644, b"1");
        writer.add_symlink("link", "dir", SimpleFileOptions::default()).unwrap();
        file(writer, "link/inner", 0o644, b"2");
    });
    let (result, folder) = unpacked(&zip);
    // The file made a folder of that name, in whose place the link is not put.
    assert!(matches!(&result, Err(UnpackError::Entry { name, .. }) if name == "link"), "{result:?}");
    assert_eq!(fs::read(folder.path().join("root/dir/inner")).unwrap(), b"1");
}

#[test]
fn no_link_is_made_through_another() {
    let zip = archive(|writer| {
        file(writer, "a/b/inner", 0o644, b"1");
        writer.add_symlink("a/b/up", "../..", SimpleFileOptions::default()).unwrap();
        // Three steps up from where it is written, and two too many from where it would lie.
        writer.add_symlink("a/b/up/link", "../../../evil", SimpleFileOptions::default()).unwrap();
    });
    check_refused(&zip, "\"a/b/up/link\" in it is below a link");
}

#[test]
fn what_cannot_lie_beside_another_is_the_archives_mistake() {
    let file_and_folder = archive(|writer| {
        file(writer, "a", 0o644, b"1");
        file(writer, "a/b", 0o644, b"2");
    });
    check_refused(&file_and_folder, "\"a/b\" in it is in the way of another, or no name for a file");
    let long = "x".repeat(300);
    let zip = archive(|writer| file(writer, &long, 0o644, b"1"));
    check_refused(&zip, &format!("{long:?} in it is in the way of another, or no name for a file"));
}

#[test]
fn what_is_no_archive_or_holds_nothing_is_refused() {
    check_refused(&archive(|_| {}), "it holds nothing");
    let (result, _folder) = unpacked(b"PK not really");
    assert!(matches!(result, Err(UnpackError::NoArchive(_))), "{result:?}");
}

#[test]
fn a_bomb_is_refused_by_what_comes_out_of_it() {
    let zeros = vec![0; 1 << 20];
    let zip = archive(|writer| {
        let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
        writer.start_file("zeros", options).unwrap();
        writer.write_all(&zeros).unwrap();
        writer.write_all(b"0").unwrap();
    });
    assert!(zip.len() < 4 << 10, "{} bytes", zip.len());
    check_refused(&zip, "unpacked it is too large");
}

proptest! {
    #[test]
    fn any_bytes_are_an_archive_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..512)) {
        let (_, folder) = unpacked(&bytes);
        prop_assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_flipped_byte_never_reaches_out(at in 0usize..400, to in any::<u8>()) {
        let mut zip = archive(|writer| {
            file(writer, "bootstrap", 0o755, b"#!/bin/sh");
            file(writer, "lib/a", 0o644, b"content");
            writer.add_symlink("lib/b", "a", SimpleFileOptions::default()).unwrap();
        });
        let at = at % zip.len();
        zip[at] = to;
        let (_, folder) = unpacked(&zip);
        prop_assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
