//! The planner
