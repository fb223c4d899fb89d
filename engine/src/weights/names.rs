//! Our tensor names → a file's: the only place with foreign names.
