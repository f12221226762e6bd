//! Hands: what brains want to see, asked of the index.

use tarsier_index::{FileLook, FileName, FileRow, Index, IndexError, WhichFiles};

use crate::words::{
    Holding, Look, Piece, PieceName, Shown, StreamName, TierId, TierIdError, TierKind, Which,
};

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ShowError {
    /// The index failed.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// It names a tier in a way that we do not.
    #[error(transparent)]
    Tier(#[from] TierIdError),
}

/// Answers a question of a brain. Pieces that `is_busy` (being written, being moved) are as if they were not there.
pub fn show(
    index: &Index,
    look: Look,
    is_busy: &dyn Fn(&PieceName) -> bool,
) -> Result<Shown, ShowError> {
    let files = {
        let which = match &look.which {
            Which::All => WhichFiles::All,
            Which::Unlocked => WhichFiles::Unlocked,
            Which::Copied => WhichFiles::Copied,
            Which::NotIn(bucket) => WhichFiles::NotIn(bucket.as_str()),
            Which::EventNotIn(bucket) => WhichFiles::EventNotIn(bucket.as_str()),
        };
        let after = look.after.as_ref().map(|after| FileName {
            start: after.start,
            camera: after.of.camera.clone(),
            stream: after.of.stream,
        });
        let asked = FileLook {
            tier_id: look.tier.as_str(),
            of: look.of.as_ref().map(|of| (&of.camera, of.stream)),
            which,
            after,
            most: look.most,
        };
        index.files(&asked, &|file| is_busy(&piece_name(file)))?
    };
    let pieces = files.iter().map(piece).collect::<Result<_, _>>()?;
    Ok(Shown { look, pieces })
}

/// What every tier holds of every stream.
pub fn holdings(index: &Index) -> Result<Vec<Holding>, ShowError> {
    let locked = index.locked()?;
    let mut holdings = Vec::new();
    for of in index.holdings()? {
        let of_it = locked
            .iter()
            .find(|l| (&l.camera, l.stream, &l.tier_id) == (&of.camera, of.stream, &of.tier_id));
        let oldest = if of_it.is_some() {
            let look = FileLook {
                tier_id: &of.tier_id,
                of: Some((&of.camera, of.stream)),
                which: WhichFiles::Unlocked,
                after: None,
                most: 1,
            };
            index.files(&look, &|_| false)?.first().map(|file| file.range.start)
        } else {
            Some(of.oldest)
        };
        holdings.push(Holding {
            of: StreamName { camera: of.camera, stream: of.stream },
            tier: TierId::new(of.tier_id)?,
            bytes: of.size_bytes,
            pieces: of.files,
            oldest,
            locked_bytes: of_it.map_or(0, |locked| locked.size_bytes),
        });
    }
    Ok(holdings)
}

/// A row as the rules see it.
pub fn piece(file: &FileRow) -> Result<Piece, TierIdError> {
    Ok(Piece {
        of: StreamName { camera: file.camera.clone(), stream: file.stream },
        range: file.range,
        bytes: file.size_bytes,
        tier: TierId::new(file.tier.id.as_str())?,
        copies: file
            .copies
            .iter()
            .map(|copy| TierId::new(copy.id.as_str()))
            .collect::<Result<_, _>>()?,
        is_event: file.is_event,
        is_locked: file.is_locked,
    })
}

fn piece_name(file: &FileRow) -> PieceName {
    let of = StreamName { camera: file.camera.clone(), stream: file.stream };
    PieceName { start: file.range.start, of }
}

/// What the index calls a kind of tier.
pub const fn kind_in_index(kind: TierKind) -> tarsier_index::TierKind {
    match kind {
        TierKind::Cache => tarsier_index::TierKind::Cache,
        TierKind::Archive => tarsier_index::TierKind::Archive,
        TierKind::ObjectStore => tarsier_index::TierKind::ObjectStore,
    }
}

/// What the rules call it.
pub const fn kind_in_rules(kind: tarsier_index::TierKind) -> TierKind {
    match kind {
        tarsier_index::TierKind::Cache => TierKind::Cache,
        tarsier_index::TierKind::Archive => TierKind::Archive,
        tarsier_index::TierKind::ObjectStore => TierKind::ObjectStore,
    }
}
