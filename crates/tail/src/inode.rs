//! What names a file and a directory while they are there.

/// Device and inode: ties a held descriptor to a directory entry, and proves nothing else (inodes
/// are reused).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileKey {
    /// Device.
    pub dev: u64,
    /// Inode.
    pub ino: u64,
}

/// One of the directories that a source reads, numbered as they came into use.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FolderId(pub u32);
