-- What a panel itself says all its accounts hold together, as of the last poll that asked for everybody.
-- None where it has no such number, or did not tell it.
ALTER TABLE backend ADD COLUMN total_bytes BIGINT;
ALTER TABLE backend ADD COLUMN total_at BIGINT;
