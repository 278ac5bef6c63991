//! Something for some nodes of the graph, found by their number: looked up for every step of every chunk.

use bangfu_policy::ir::ExprId;

/// A map from nodes.
#[derive(Clone, Debug)]
pub(crate) struct ByNode<T>(Vec<Option<T>>);

impl<T> Default for ByNode<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> ByNode<T> {
    pub(super) fn get(&self, id: ExprId) -> Option<&T> {
        self.0.get(id.0 as usize)?.as_ref()
    }

    pub(super) fn contains_key(&self, id: ExprId) -> bool {
        self.get(id).is_some()
    }

    pub(super) fn insert(&mut self, id: ExprId, value: T) {
        let at = id.0 as usize;
        if self.0.len() <= at {
            self.0.resize_with(at + 1, || None);
        }
        self.0[at] = Some(value);
    }
}

impl<T> FromIterator<(ExprId, T)> for ByNode<T> {
    fn from_iter<I: IntoIterator<Item = (ExprId, T)>>(pairs: I) -> Self {
        let mut all = Self::default();
        for (id, value) in pairs {
            all.insert(id, value);
        }
        all
    }
}
