-- $1..$24 of the statements that accept: one array per column, in the order of the input; of the
-- last five an empty one stands for nulls.
	$1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[],
	$7::text[], $8::text[], $9::timestamptz[], $10::timestamptz[], $11::smallint[],
	$12::boolean[], $13::smallint[], $14::text[], $15::timestamptz[], $16::text[],
	$17::integer[], $18::text[], $19::bigint[], $20::timestamptz[], $21::timestamptz[],
	$22::text[], $23::timestamptz[], $24::uuid[]
