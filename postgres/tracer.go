package postgres

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/wakeful-dev/wakeful/readset"
	"github.com/wakeful-dev/wakeful/sqldb"
)

// tracer is told by pgx of each statement before it runs. Under an evaluation it
// notes the statement, and has the connection stand in the evaluation's snapshot
// meanwhile.
type tracer struct{ source *Source }

var (
	_ pgx.QueryTracer    = (*tracer)(nil)
	_ pgx.BatchTracer    = (*tracer)(nil)
	_ pgx.CopyFromTracer = (*tracer)(nil)
	_ pgx.PrepareTracer  = (*tracer)(nil)
)

// traced is one connection.
type traced struct {
	source   *Source
	watch    *watcher
	prepared map[string]string // texts by their names

	writing sqldb.Writing
	now     *running // nil where nobody asks about the statement
	refused bool     // the statement is not run
}

// running is a statement, or a batch of them, of an evaluation.
type running struct {
	set      *readset.Set
	text     string
	unknown  error // why what it reads is not known
	late     bool  // its locks tell more
	known    bool  // it has been described
	composed bool
}

// sent is one statement with its arguments.
type sent struct {
	text string
	args []any
}

const tracedKey = "wakeful"

func (t *tracer) of(conn *pgx.Conn) *traced {
	data := conn.PgConn().CustomData()
	c, ok := data[tracedKey].(*traced)
	if !ok {
		c = &traced{source: t.source, watch: &watcher{source: t.source, conn: conn.PgConn()}, prepared: map[string]string{}}
		data[tracedKey] = c
	}
	return c
}

// TraceQueryStart comes before a statement.
func (t *tracer) TraceQueryStart(ctx context.Context, conn *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	c := t.of(conn)
	return c.start(ctx, c.sent(ctx, conn, data.SQL, data.Args))
}

// TraceQueryEnd comes when a statement has run and its rows are closed.
func (t *tracer) TraceQueryEnd(_ context.Context, conn *pgx.Conn, data pgx.TraceQueryEndData) {
	t.of(conn).finish(data.Err)
}

// TraceBatchStart comes before a batch.
func (t *tracer) TraceBatchStart(ctx context.Context, conn *pgx.Conn, data pgx.TraceBatchStartData) context.Context {
	c := t.of(conn)
	var all []sent
	for _, q := range data.Batch.QueuedQueries {
		all = append(all, c.sent(ctx, conn, q.SQL, q.Arguments)...)
	}
	return c.start(ctx, all)
}

// TraceBatchQuery needs nothing: the batch is noted as a whole.
func (t *tracer) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}

// TraceBatchEnd comes when all results of a batch have been read.
func (t *tracer) TraceBatchEnd(_ context.Context, conn *pgx.Conn, data pgx.TraceBatchEndData) {
	t.of(conn).finish(data.Err)
}

// TraceCopyFromStart comes before a COPY.
func (t *tracer) TraceCopyFromStart(ctx context.Context, conn *pgx.Conn, data pgx.TraceCopyFromStartData) context.Context {
	return t.of(conn).start(ctx, []sent{{text: "COPY " + data.TableName.Sanitize() + " FROM STDIN"}})
}

// TraceCopyFromEnd comes after a COPY.
func (t *tracer) TraceCopyFromEnd(_ context.Context, conn *pgx.Conn, data pgx.TraceCopyFromEndData) {
	t.of(conn).finish(data.Err)
}

// TracePrepareStart remembers what a name stands for.
func (t *tracer) TracePrepareStart(ctx context.Context, conn *pgx.Conn, data pgx.TracePrepareStartData) context.Context {
	if c := t.of(conn); data.Name != "" && data.Name != data.SQL && !strings.HasPrefix(data.Name, "stmtcache_") {
		c.prepared[data.Name] = data.SQL
	}
	return ctx
}

// TracePrepareEnd needs nothing.
func (t *tracer) TracePrepareEnd(context.Context, *pgx.Conn, pgx.TracePrepareEndData) {}

// sent is what pgx makes of a call.
func (c *traced) sent(ctx context.Context, conn *pgx.Conn, text string, args []any) []sent {
	var rewriter pgx.QueryRewriter
options:
	for len(args) > 0 {
		switch arg := args[0].(type) {
		case pgx.QueryResultFormats, pgx.QueryResultFormatsByOID, pgx.QueryExecMode:
		case pgx.QueryRewriter:
			rewriter = arg
		default:
			break options
		}
		args = args[1:]
	}
	if rewriter != nil {
		if newText, newArgs, err := rewriter.RewriteQuery(ctx, conn, text, args); err == nil {
			text, args = newText, newArgs // else pgx fails with it
		}
	}
	if named, ok := c.prepared[text]; ok {
		text = named
	}
	return []sent{{text, args}}
}

// refused is the context of a statement that must not run.
type refused struct {
	context.Context
	err  error
	done chan struct{}
}

func (r *refused) Done() <-chan struct{} { return r.done }
func (r *refused) Err() error            { return r.err }

func (c *traced) refuse(ctx context.Context, err error) context.Context {
	c.refused = true
	done := make(chan struct{})
	close(done)
	return &refused{ctx, err, done}
}

// start comes before statements that are sent together.
func (c *traced) start(ctx context.Context, all []sent) context.Context {
	set := readset.From(ctx)
	c.writing.Writer, c.now, c.refused = readset.WritesFrom(ctx), nil, false
	texts := make([]string, len(all))
	for i, one := range all {
		readset.Look(set, one.text)
		texts[i] = one.text
	}
	text := strings.Join(texts, "; ")
	c.watch.opening, c.watch.telling = "", false
	if actingOf(ctx) != nil && !c.watch.inTransaction() {
		if _, _, err := c.source.factsNow(ctx); err != nil {
			return c.refuse(ctx, err)
		}
	}
	if actingOf(ctx) != nil && !c.watch.inTransaction() && c.source.mayWrite(text) {
		return c.refuse(ctx, fmt.Errorf("postgres: %.200q writes as a role: have it in a transaction (pgx.BeginFunc), whose end is an error of its own", text))
	}
	if set != nil {
		c.now = &running{set: set, text: text, known: true}
		if err := c.place(ctx, all); err != nil {
			set.Fail(err)
			return c.refuse(ctx, err)
		}
	}
	if err := c.watch.Attend(ctx, text); err != nil {
		set.Fail(err)
		return c.refuse(ctx, err)
	}
	c.watch.Before(text)
	return ctx
}

// place notes what is about to run, and says in which transaction it is to.
func (c *traced) place(ctx context.Context, all []sent) error {
	writes, reads := false, false
	for _, one := range all {
		does, of := c.note(ctx, one)
		writes, reads = writes || does, reads || len(of) > 0
	}
	c.watch.telling = c.now.late
	set := c.now.set
	if set.Snapshot == nil {
		return nil
	}
	p, _ := c.source.Pinned(set.Snapshot).(*pinned)
	switch {
	case p == nil && reads:
		return fmt.Errorf("postgres: %.200q reads a database other than that of the server's source; "+
			"open that database without the recorder and use Poll or DependsOn", c.now.text)
	case p == nil, c.now.unknown != nil:
		return nil
	case c.watch.conn.ParameterStatus("in_hot_standby") == "on":
		set.Unstamp("it reads a standby, which may be behind: have views read the primary")
		return nil
	case writes, c.watch.inTransaction():
		return nil
	}
	if err := p.begin(); err != nil {
		return err
	}
	defer p.calls.Done()
	if err := p.share(ctx); err != nil {
		return err
	}
	c.watch.opening = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET TRANSACTION SNAPSHOT '" + p.name + "'"
	if c.now.late { // what its functions do is not known
		c.watch.opening = strings.Replace(c.watch.opening, "READ ONLY", "READ WRITE", 1)
	}
	return nil
}

// note notes one statement.
func (c *traced) note(ctx context.Context, one sent) (writes bool, reads []readset.Read) {
	if c.watch.altered {
		c.now.late, c.now.known, c.now.composed = classify(one.text) != verbNothing, false, true
		return c.source.mayWrite(one.text), nil
	}
	d, err := c.source.describe(ctx, one.text)
	if err != nil {
		c.now.unknown = err
		return true, nil
	}
	if !d.statement.Writes || d.returns {
		c.now.set.Add(c.source.Refine(d.statement, ordinals(one.args)), frozen(one.args))
		c.now.late, c.now.composed, c.now.known = c.now.late || d.late, c.now.composed || d.composed, c.now.known && !d.blind
	}
	return d.statement.Writes, d.statement.Reads
}

func ordinals(args []any) []driver.NamedValue {
	list := make([]driver.NamedValue, len(args))
	for i, arg := range args {
		list[i] = driver.NamedValue{Ordinal: i + 1, Value: arg}
	}
	return list
}

func frozen(args []any) []any {
	if len(args) == 0 {
		return nil
	}
	list := make([]any, len(args))
	for i, arg := range args {
		list[i] = sqldb.Frozen(arg)
	}
	return list
}

// finish comes when what was sent has run.
func (c *traced) finish(err error) {
	if c.refused {
		c.refused = false
		return
	}
	c.watch.After(err)
	if settled := c.watch.Settle(); settled != nil {
		c.now.fail(c.source, settled)
		err = errors.Join(err, settled)
	}
	if c.now != nil {
		c.ran(err)
	}
	c.writing.Note(c.watch)
}

// fail notes an error that pgx cannot be told any more.
func (r *running) fail(s *Source, err error) {
	if r == nil {
		s.log.Error("a transaction around a statement did not end well", "error", err)
		return
	}
	r.set.Fail(fmt.Errorf("postgres: %.200q: %w", r.text, err))
}

// ran notes what is known of statements only when they have run.
func (c *traced) ran(err error) {
	r := c.now
	c.now = nil
	ctx, cancel := context.WithTimeout(context.Background(), settleTimeout)
	defer cancel()
	switch {
	case err == nil && r.unknown != nil:
		r.fail(c.source, fmt.Errorf("cannot tell what it reads (a temporary table exists on one connection only): %w", r.unknown))
	case err == nil && r.late:
		if err := c.source.noteLocks(ctx, r.set, r.text, c.watch.locks, r.known); err != nil {
			r.fail(c.source, err)
		}
	case err != nil && r.late && r.composed:
		r.fail(c.source, fmt.Errorf("it failed, so nothing tells what the functions in it have read: %w", err))
	}
	if first := firstWord(r.text); err == nil && (first == "begin" || first == "start") {
		if err := c.enter(ctx, r); err != nil {
			r.fail(c.source, err)
		}
	}
}

// enter has a transaction that the app has begun stand in the snapshot, if that
// alters nothing of it: the level that it asks for keeps one state, or no write
// of it can fail for that.
func (c *traced) enter(ctx context.Context, r *running) error {
	text := lower(r.text)
	if strings.Contains(text, "serializable") || !strings.Contains(text, "repeatable read") && !strings.Contains(text, "read only") {
		return nil
	}
	if r.set.Snapshot == nil {
		return nil
	}
	p, _ := c.source.Pinned(r.set.Snapshot).(*pinned)
	if p == nil {
		return nil
	}
	if err := p.begin(); err != nil {
		return err
	}
	defer p.calls.Done()
	if err := p.share(ctx); err != nil {
		return err
	}
	_, err := c.watch.ask("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; SET TRANSACTION SNAPSHOT '" + p.name + "'")
	return err
}
