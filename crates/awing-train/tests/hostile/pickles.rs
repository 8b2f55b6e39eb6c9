//! State dicts as PyTorch writes them, byte by byte: nothing else here writes them.

/// A named tensor of f32.
pub(crate) struct Weights {
    pub(crate) name: String,
    pub(crate) shape: Vec<usize>,
    pub(crate) bytes: Vec<u8>,
}

/// `torch.save` since 1.6: a ZIP archive, nothing compressed.
pub(crate) fn zipped(tensors: &[Weights]) -> Vec<u8> {
    let mut files = vec![("data.pkl".to_owned(), state_dict(tensors, false))];
    files.push(("byteorder".to_owned(), b"little".to_vec()));
    files.extend(tensors.iter().enumerate().map(|(i, t)| (format!("data/{i}"), t.bytes.clone())));
    files.push(("version".to_owned(), b"3\n".to_vec()));
    zip(&files)
}

/// `torch.save` before 1.6: pickles one after the other, then the storages.
pub(crate) fn legacy(tensors: &[Weights]) -> Vec<u8> {
    let mut file = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.".to_vec();
    file.extend(b"\x80\x02M\xe9\x03.");
    file.extend(b"\x80\x02}(");
    text(&mut file, "little_endian");
    file.extend(b"\x88u.");
    file.extend(state_dict(tensors, true));
    file.extend(b"\x80\x02](");
    (0..tensors.len()).for_each(|i| text(&mut file, &i.to_string()));
    file.extend(b"e.");
    for tensor in tensors {
        file.extend((tensor.bytes.len() as u64 / 4).to_le_bytes());
        file.extend(&tensor.bytes);
    }
    file
}

/// The pickle of a dict of tensors, tensor i in storage i.
pub(crate) fn state_dict(tensors: &[Weights], views: bool) -> Vec<u8> {
    let mut pickle = b"\x80\x02}(".to_vec();
    for (i, tensor) in tensors.iter().enumerate() {
        text(&mut pickle, &tensor.name);
        let strides: Vec<usize> =
            (0..tensor.shape.len()).map(|d| tensor.shape[d + 1..].iter().product()).collect();
        rebuilt(&mut pickle, i, tensor.bytes.len() / 4, &tensor.shape, &strides, views);
    }
    pickle.extend(b"u.");
    pickle
}

/// The call that makes a tensor of a storage.
pub(crate) fn rebuilt(
    pickle: &mut Vec<u8>,
    storage: usize,
    numbers: usize,
    shape: &[usize],
    strides: &[usize],
    views: bool,
) {
    pickle.extend(b"ctorch._utils\n_rebuild_tensor_v2\n((");
    text(pickle, "storage");
    pickle.extend(b"ctorch\nFloatStorage\n");
    text(pickle, &storage.to_string());
    text(pickle, "cpu");
    integer(pickle, numbers);
    if views {
        pickle.push(b'N');
    }
    pickle.extend(b"tQ");
    integer(pickle, 0);
    for sizes in [shape, strides] {
        pickle.push(b'(');
        sizes.iter().for_each(|n| integer(pickle, *n));
        pickle.push(b't');
    }
    pickle.extend(b"\x89ccollections\nOrderedDict\n)RtR");
}

pub(crate) fn text(pickle: &mut Vec<u8>, text: &str) {
    pickle.push(b'X');
    pickle.extend(u32::try_from(text.len()).unwrap().to_le_bytes());
    pickle.extend(text.as_bytes());
}

fn integer(pickle: &mut Vec<u8>, value: usize) {
    // Long1 of 8 bytes: any size fits.
    pickle.extend(b"\x8a\x08");
    pickle.extend((value as u64).to_le_bytes());
}

/// A ZIP archive of stored files; checksums of 0 are not looked at.
pub(crate) fn zip(files: &[(String, Vec<u8>)]) -> Vec<u8> {
    let entries: Vec<_> =
        files.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice(), 0, bytes.len())).collect();
    zip_of(&entries)
}

/// A ZIP archive of files as they are stored: name, bytes, method (0 stored, 8 deflated), size when unpacked.
pub(crate) fn zip_of(files: &[(&str, &[u8], u16, usize)]) -> Vec<u8> {
    let (mut archive, mut directory) = (Vec::new(), Vec::new());
    for (name, bytes, method, size) in files {
        let name = format!("archive/{name}");
        let offset = u32::try_from(archive.len()).unwrap();
        let mut head = Vec::new();
        head.extend([20, 0, 0, 0]);
        head.extend(method.to_le_bytes());
        // Time, date, checksum.
        head.extend([0; 8]);
        head.extend(u32::try_from(bytes.len()).unwrap().to_le_bytes());
        head.extend(u32::try_from(*size).unwrap().to_le_bytes());
        head.extend(u16::try_from(name.len()).unwrap().to_le_bytes());
        head.extend([0, 0]);
        archive.extend(b"PK\x03\x04");
        archive.extend(&head);
        archive.extend(name.as_bytes());
        archive.extend(*bytes);
        directory.extend(b"PK\x01\x02\x14\x00");
        directory.extend(&head);
        // Comment, disk, attributes.
        directory.extend([0; 10]);
        directory.extend(offset.to_le_bytes());
        directory.extend(name.as_bytes());
    }
    let count = u16::try_from(files.len()).unwrap().to_le_bytes();
    let start = u32::try_from(archive.len()).unwrap();
    let size = u32::try_from(directory.len()).unwrap();
    archive.extend(directory);
    archive.extend(b"PK\x05\x06\0\0\0\0");
    archive.extend([count, count].concat());
    archive.extend(size.to_le_bytes());
    archive.extend(start.to_le_bytes());
    archive.extend([0, 0]);
    archive
}
