//! Maps that are asked for every account, several times a poll.

/// The library's map with a quicker hash. It is seeded anew in every process, so that nobody who may choose names can
/// choose names that collide; its order means nothing, as ever.
pub type Map<K, V> = std::collections::HashMap<K, V, foldhash::fast::RandomState>;

/// A set of the same kind.
pub type Set<K> = std::collections::HashSet<K, foldhash::fast::RandomState>;
