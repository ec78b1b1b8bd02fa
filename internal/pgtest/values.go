package pgtest

// Types are the statements that make the types that Values has beside the
// built-in ones.
var Types = []string{
	"CREATE TYPE mood AS ENUM ('ok', 'so so')", "CREATE TYPE pair AS (a int, b text)", "CREATE TYPE span AS RANGE (subtype = float8)",
	"CREATE DOMAIN whole AS int4", "CREATE DOMAIN short AS varchar(3)", "CREATE DOMAIN raw AS bytea", "CREATE DOMAIN yes AS bool",
}

// Values has values of every built-in type that a column can have, and of those
// that Types make; none where nobody can write one.
var Values = map[string][]string{
	"bool":   {"true", "false"},
	"bytea":  {`\x`, `\x00ff5c`, `abc\\\\`},
	"int2":   {"-32768", "32767", "0"},
	"int4":   {"-2147483648", "2147483647"},
	"int8":   {"-9223372036854775808", "9223372036854775807"},
	"oid":    {"0", "4294967295"},
	"float4": {"0.1", "-0", "NaN", "Infinity", "-Infinity", "3.4028235e38", "1e-45"},
	"float8": {"0.1", "-0", "NaN", "Infinity", "-Infinity", "1.7976931348623157e308", "5e-324", "0.30000000000000004"},
	"text":   {"", "a", "ü€😀", "  two  ", `back\slash`, `'quote" `, "{}"},
	"name":   {"", "a name"},
	"bpchar": {"a", "a  "}, "character(5)": {"ab", "", "abcde"}, "varchar": {"ab  "}, "varchar(3)": {"abc"},
	"\"char\"": {"a", ""},
	"numeric":  {"0", "1.50", "-1e30", "NaN", "Infinity", "1e-20"}, "numeric(10,2)": {"1.5"},
	"money":       {"12.34", "-1"},
	"date":        {"2026-01-02", "infinity", "-infinity", "0044-03-15 BC", "10000-01-01"},
	"time":        {"12:34:56.789", "24:00"},
	"timetz":      {"12:34:56+02", "00:00-15:59"},
	"timestamp":   {"2026-01-02 03:04:05.678901", "infinity", "0001-01-01 BC"},
	"timestamptz": {"2026-01-02 03:04:05.6+05:30", "-infinity"},
	"interval":    {"1 year 2 mons -3 days 04:05:06.7", "-1 day", "0"},
	"uuid":        {"A0EEBC99-9c0b-4ef8-bb6d-6bb9bd380a11"},
	"json":        {`{"b": 1,  "a": [null, "x"]}`, "null"}, "jsonb": {`{"b": 1,  "a": [null, "x"]}`, "null"},
	"jsonpath": {"$.a[*] ? (@ > 1)"}, "xml": {"<a>b</a>"},
	"inet": {"10.0.0.1/8", "::1"}, "cidr": {"10.0.0.0/8"}, "macaddr": {"08:00:2b:01:02:03"}, "macaddr8": {"08:00:2b:01:02:03:04:05"},
	"bit": {"1"}, "bit(3)": {"101"}, "varbit": {"", "10111"},
	"point": {"(1,2.5)"}, "line": {"{1,2,3}"}, "lseg": {"[(1,2),(3,4)]"}, "box": {"(3,4),(1,2)"},
	"path": {"((1,2),(3,4))", "[(1,2),(3,4)]"}, "polygon": {"((1,2),(3,4),(5,6))"}, "circle": {"<(1,2),3>"},
	"tsvector": {"a fat cat", "'a':1A 'b':2"}, "tsquery": {"fat & (cat | rat)"}, "gtsvector": nil,
	"int4range": {"[1,5]", "empty", "(,3)"}, "int8range": {"[1,5)"}, "numrange": {"[1.5,2]"}, "tsrange": {"[2026-01-01,2026-01-02)"},
	"tstzrange": {"[2026-01-01 00:00+02,)"}, "daterange": {"[2026-01-01,2026-01-02]"},
	"int4multirange": {"{[1,3),[5,7)}"}, "int8multirange": {"{}"}, "nummultirange": {"{[1,2]}"}, "tsmultirange": {"{[2026-01-01,2026-01-02)}"},
	"tstzmultirange": {"{[2026-01-01 00:00+02,)}"}, "datemultirange": {"{[2026-01-01,2026-01-02)}"},
	"xid": {"7"}, "xid8": {"18446744073709551615"}, "cid": {"7"}, "tid": {"(1,2)"}, "pg_lsn": {"16/B374D848"},
	"pg_snapshot": {"10:20:10,14"}, "txid_snapshot": {"10:20:10,14"},
	"refcursor": {"c"}, "aclitem": {"=r/postgres"},
	"regclass": {"pg_class"}, "regtype": {"int4"}, "regproc": {"pg_sleep"}, "regprocedure": {"pg_sleep(float8)"}, "regoper": {"||/"},
	"regoperator": {"+(int4,int4)"}, "regrole": {"pg_monitor"}, "regnamespace": {"pg_catalog"}, "regcollation": {`"C"`},
	"regconfig": {"english"}, "regdictionary": {"simple"},
	"int2vector": {"1 2"}, "oidvector": {"1 2"},
	"pg_node_tree": nil, "pg_ndistinct": nil, "pg_dependencies": nil, "pg_mcv_list": nil, // cannot be written
	"pg_brin_bloom_summary": nil, "pg_brin_minmax_multi_summary": nil,
	"int4[]": {"{1,NULL,3}", "{}", "{{1,2},{3,4}}", "[0:1]={1,2}"}, "text[]": {`{a,"b c",NULL,"NULL","q\"q"}`}, "bytea[]": {`{"\\x00"}`},
	"float8[]": {"{NaN,-0,0.1}"}, "timestamptz[]": {`{"2026-01-01 00:00+02"}`}, "bool[]": {"{t,f}"},
	"mood": {"ok", "so so"}, "mood[]": {`{ok,"so so"}`}, "pair": {"(1,\"a b\")"}, "span": {"[1.5,2)"},
	"whole": {"5"}, "short": {"abc"}, "raw": {`\x00`}, "yes": {"t"},
}
