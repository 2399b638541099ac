-- When a meter's reading was first held back because it jumped further than can be, and whether an operator
-- has accepted it since.
ALTER TABLE series ADD COLUMN implausible_at BIGINT;
ALTER TABLE series ADD COLUMN implausible_accepted INTEGER;
