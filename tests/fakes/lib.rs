//! Fakes for journeys.
