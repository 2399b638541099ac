//! The backend against panels made up here: what no real one at hand would answer.
