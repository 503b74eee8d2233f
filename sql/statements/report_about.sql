-- report_about: which version of the schema report is there, and how fresh its counts are.
-- Parameters: none.  Result: one row of report.about.  Locks: none.
SELECT a.version, to_char(a.counted_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
	AS counted_at, to_char(a.kept_since AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
	AS kept_since
FROM report.about a
