//! Integration tests of the registry, in one binary so that they link once.

mod fields;
mod lists;
mod national_list;
mod registry;
mod snapshots;
