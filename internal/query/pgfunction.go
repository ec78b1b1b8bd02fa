package query

// postgresScalars are functions of PostgreSQL's that make one value of each row.
var postgresScalars = nameSet(`abs acos acosd acosh age array_append array_cat array_dims array_fill array_length array_lower array_ndims
	array_position array_positions array_prepend array_remove array_replace array_sample array_shuffle array_to_json array_to_string
	array_to_tsvector array_upper ascii asin asind asinh atan atan2 atan2d atand atanh bit_count bit_length bool btrim
	cardinality cbrt ceil ceiling char_length character_length chr clock_timestamp coalesce concat concat_ws convert convert_from convert_to
	cos cosd cosh cot cotd current_database current_schema current_setting date date_add date_bin date_part date_subtract date_trunc
	decode degrees div encode erf erfc exp extract factorial family floor format gamma gcd gen_random_uuid get_bit get_byte greatest host
	hostmask inet_merge inet_same_family initcap isempty isfinite json_array_length json_build_array json_build_object json_extract_path
	json_extract_path_text json_object json_strip_nulls json_typeof jsonb_array_length jsonb_build_array jsonb_build_object
	jsonb_extract_path jsonb_extract_path_text jsonb_insert jsonb_object jsonb_path_exists jsonb_path_exists_tz jsonb_path_match
	jsonb_path_match_tz jsonb_path_query_array jsonb_path_query_array_tz jsonb_path_query_first jsonb_path_query_first_tz jsonb_pretty
	jsonb_set jsonb_set_lax jsonb_strip_nulls jsonb_typeof justify_days justify_hours justify_interval lcm least left length lgamma ln log
	log10 lower lower_inc lower_inf lpad ltrim make_date make_interval make_time make_timestamp make_timestamptz masklen md5 min_scale
	mod multirange netmask network normalize now nullif num_nonnulls num_nulls numnode numrange octet_length overlay parse_ident
	phraseto_tsquery pg_typeof pi plainto_tsquery position power quote_ident quote_literal quote_nullable radians random range_merge
	regexp_count regexp_instr regexp_like regexp_match regexp_replace regexp_split_to_array regexp_substr repeat replace reverse right
	round row_to_json rpad rtrim scale set_bit set_byte set_masklen setweight sha224 sha256 sha384 sha512 sign sin sind sinh split_part
	sqrt starts_with statement_timestamp string_to_array strip strpos substr substring tan tand tanh text timeofday timezone to_ascii
	to_bin to_char to_date to_hex to_json to_jsonb to_number to_oct to_timestamp to_tsquery to_tsvector transaction_timestamp translate
	trim trim_array trim_scale trunc ts_delete ts_filter ts_headline ts_rank ts_rank_cd tsquery_phrase tsvector_to_array
	unicode_assigned unistr upper upper_inc upper_inf uuid_extract_timestamp uuid_extract_version uuidv4 uuidv7 websearch_to_tsquery
	width_bucket int4range int8range daterange tsrange tstzrange xmlcomment crc32 crc32c grouping`)

// called checks that a function reads no table by itself.
func (r *reader) called(e *expr) {
	switch {
	case r.catalog.Functions == nil:
		panic(opaque{"it is not known whether the function " + e.name + " reads tables"})
	case r.catalog.Functions[e.name]:
		panic(opaque{"the function " + e.name + " may read tables"})
	}
}
