package postgres

import (
	"context"
	"fmt"
)

// triggerName is of the event triggers that say when the schema changes; the one
// for what is dropped has another ending. The function is in a schema of the
// publication's name.
func (s *Source) triggerName() string { return s.cfg.name() + "_schema" }

// createTriggers has each statement that alters the schema say so in the
// server's log, with the transaction that it is part of. What makes, alters and
// drops temporary tables does not, nor does what alters a publication. That the
// log cannot be written to must not keep the schema from being altered.
func (s *Source) createTriggers() []string {
	function := quote(s.cfg.name()) + ".schema_changed()"
	return []string{
		"CREATE SCHEMA IF NOT EXISTS " + quote(s.cfg.name()),
		"CREATE OR REPLACE FUNCTION " + function + ` RETURNS event_trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
	IF tg_event = 'sql_drop' THEN
		IF NOT EXISTS (SELECT FROM pg_event_trigger_dropped_objects() WHERE NOT is_temporary) THEN
			RETURN;
		END IF;
	ELSIF NOT EXISTS (
		SELECT FROM pg_event_trigger_ddl_commands()
		WHERE schema_name IS DISTINCT FROM 'pg_temp' AND command_tag NOT IN ('ALTER PUBLICATION', 'CREATE PUBLICATION', 'COMMENT', 'REFRESH MATERIALIZED VIEW')
	) THEN
		RETURN;
	END IF;
	PERFORM pg_logical_emit_message(true, '` + prefix + `', '` + saySchema + `');
EXCEPTION WHEN OTHERS THEN
	NULL;
END $$`,
		"DROP EVENT TRIGGER IF EXISTS " + quote(s.triggerName()),
		"CREATE EVENT TRIGGER " + quote(s.triggerName()) + " ON ddl_command_end EXECUTE FUNCTION " + function,
		"DROP EVENT TRIGGER IF EXISTS " + quote(s.triggerName()+"_drop"),
		"CREATE EVENT TRIGGER " + quote(s.triggerName()+"_drop") + " ON sql_drop EXECUTE FUNCTION " + function,
	}
}

// dropTriggers is the reverse of createTriggers.
func (s *Source) dropTriggers() []string {
	return []string{
		"DROP EVENT TRIGGER IF EXISTS " + quote(s.triggerName()),
		"DROP EVENT TRIGGER IF EXISTS " + quote(s.triggerName()+"_drop"),
		"DROP FUNCTION IF EXISTS " + quote(s.cfg.name()) + ".schema_changed()",
		"DROP SCHEMA IF EXISTS " + quote(s.cfg.name()) + " RESTRICT",
	}
}

// lookTriggers reports whether the event triggers are there and at work.
func (s *Source) lookTriggers(ctx context.Context) (bool, error) {
	var n int
	err := s.meta.QueryRow(ctx, "SELECT count(*) FROM pg_event_trigger WHERE evtname = ANY($1) AND evtenabled <> 'D'",
		[]string{s.triggerName(), s.triggerName() + "_drop"}).Scan(&n)
	if err != nil {
		return false, fmt.Errorf("postgres: look at the event triggers: %w", err)
	}
	return n == 2, nil
}

// ensureTriggers makes the event triggers where the role may. Without them the
// catalogue is looked at now and then.
func (s *Source) ensureTriggers(ctx context.Context) error {
	there, err := s.lookTriggers(ctx)
	if err != nil || there {
		return err
	}
	tx, err := s.meta.Begin(ctx)
	if err != nil {
		return fmt.Errorf("postgres: make the event triggers: %w", err)
	}
	defer func() { _ = tx.Rollback(ctx) }()
	for _, statement := range s.createTriggers() {
		if _, err := tx.Exec(ctx, statement); err != nil {
			s.log.Info("postgres: no event trigger could be made: changes of the schema are known two seconds later", "error", err)
			return nil
		}
	}
	if err := tx.Commit(ctx); err != nil {
		s.log.Info("postgres: no event trigger could be made: changes of the schema are known two seconds later", "error", err)
	}
	return nil
}
