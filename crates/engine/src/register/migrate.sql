-- From format 1, where each event repeated who noted it and how it came, to format 2. Nothing that was said changes.
DROP VIEW wishes;
DROP VIEW current_contributions;
DROP VIEW replaced;
ALTER TABLE objections RENAME TO objections_before;
-- Here the statements of schema.sql that an older register lacks are run: sayings, objections, opt_out_*, the views.
-- split
INSERT INTO sayings (noted_at, by_whom, through, channel, recorded_by, reference, language, formats)
    SELECT DISTINCT noted_at, 'not-stated', 'not-stated', channel, recorded_by, '', '', '' FROM objections_before
    ORDER BY noted_at, channel, recorded_by;
INSERT INTO objections (person, source_id, kind, effective, recorded_at, number_sealed, saying)
    SELECT was.person, was.source_id, was.kind, was.effective, was.recorded_at, was.number_sealed, sayings.saying
    FROM objections_before AS was
    JOIN sayings ON sayings.noted_at = was.noted_at AND sayings.channel = was.channel AND sayings.recorded_by = was.recorded_by
    ORDER BY was.person;
DROP TABLE objections_before;
