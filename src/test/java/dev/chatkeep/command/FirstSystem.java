package dev.chatkeep.command;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;

import dev.chatkeep.testsupport.PostgresServer;
import dev.chatkeep.testsupport.Sql;

/** Databases as the first system had them, built from what is known of its tables. */
final class FirstSystem {

    static final UUID ADA = UUID.fromString("aaaaaaaa-0000-4000-8000-000000000001");
    static final UUID BOB = UUID.fromString("aaaaaaaa-0000-4000-8000-000000000002");
    static final UUID CLEO = UUID.fromString("aaaaaaaa-0000-4000-8000-000000000003");
    static final UUID DORA = UUID.fromString("aaaaaaaa-0000-4000-8000-000000000004");

    /** All that a dump would say of the schemas public and auth, and a little more: also the identity of each object. */
    private static final String OBJECTS = """
            select 'class' as kind, c.oid::text as id, concat_ws(' ', n.nspname, c.relname, c.relkind, pg_get_userbyid(c.relowner), c.relacl::text,
                   c.relrowsecurity, c.relforcerowsecurity, c.reloptions::text, obj_description(c.oid, 'pg_class'),
                   case when c.relkind = 'v' then pg_get_viewdef(c.oid) when c.relkind = 'i' then pg_get_indexdef(c.oid) end) as says
              from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname in ('public', 'auth')
            union all
            select 'column', a.attrelid || '.' || a.attnum, concat_ws(' ', a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
                   a.attacl::text, pg_get_expr(d.adbin, d.adrelid))
              from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
              left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
             where n.nspname in ('public', 'auth') and a.attnum > 0
            union all
            select 'constraint', k.oid::text, concat_ws(' ', k.conname, k.conrelid::regclass, pg_get_constraintdef(k.oid))
              from pg_constraint k join pg_namespace n on n.oid = k.connamespace where n.nspname in ('public', 'auth')
            union all
            select 'trigger', t.oid::text, concat_ws(' ', pg_get_triggerdef(t.oid), t.tgenabled)
              from pg_trigger t join pg_class c on c.oid = t.tgrelid join pg_namespace n on n.oid = c.relnamespace
             where n.nspname in ('public', 'auth')
            union all
            select 'policy', p.oid::text, concat_ws(' ', p.polname, p.polrelid::regclass, p.polcmd, p.polroles::text,
                   pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid))
              from pg_policy p
            union all
            select 'function', p.oid::text, concat_ws(' ', pg_get_functiondef(p.oid), pg_get_userbyid(p.proowner), p.proacl::text)
              from pg_proc p join pg_namespace n on n.oid = p.pronamespace where n.nspname in ('public', 'auth')
            union all
            select 'type', t.oid::text, concat_ws(' ', t.typname, t.typtype, n.nspname) from pg_type t
              join pg_namespace n on n.oid = t.typnamespace where n.nspname in ('public', 'auth')
            union all
            select 'schema', n.oid::text, concat_ws(' ', n.nspname, pg_get_userbyid(n.nspowner), n.nspacl::text, obj_description(n.oid, 'pg_namespace'))
              from pg_namespace n where n.nspname !~ '^pg_(toast|temp)'
            union all
            select 'defaults', a.oid::text, concat_ws(' ', a.defaclrole::regrole, a.defaclnamespace::regnamespace, a.defaclobjtype, a.defaclacl::text)
              from pg_default_acl a
            union all
            select 'extension', e.oid::text, concat_ws(' ', e.extname, e.extnamespace::regnamespace) from pg_extension e
            union all
            select 'temporary', '', has_database_privilege('public', current_database(), 'TEMPORARY')::text
            order by 1, 2""";

    private FirstSystem() {
    }

    /** @param ages the files to run, as the owner of the database */
    static String create(PostgresServer server, String... ages) throws SQLException {
        String database = server.createDatabase();
        try (Connection owner = server.connect(database, PostgresServer.OWNER); Statement statement = owner.createStatement()) {
            for (String age : ages) {
                statement.execute(script("first-system-" + age + ".sql"));
            }
        }
        return database;
    }

    /** Objects and rows, for a comparison. */
    static List<String> snapshot(PostgresServer server, String database) throws SQLException {
        List<String> lines = new ArrayList<>();
        try (Connection superuser = server.superuser(database)) {
            for (Map<String, Object> row : Sql.rows(superuser, OBJECTS)) {
                lines.add(row.toString());
            }
            for (Map<String, Object> table : Sql.rows(superuser,
                    """
                            select c.oid::regclass::text as name, c.relkind::text as kind from pg_class c join pg_namespace n on n.oid = c.relnamespace
                             where n.nspname in ('public', 'auth') and c.relkind in ('r', 'S') order by 1""")) {
                for (Map<String, Object> row : Sql.rows(superuser,
                        "select " + (table.get("kind").equals("S") ? "t.last_value || ' ' || t.is_called" : "to_jsonb(t)::text")
                                + " as row from " + table.get("name") + " t order by 1")) {
                    lines.add(table.get("name") + " " + row.get("row"));
                }
            }
        }
        return lines;
    }

    private static String script(String name) {
        try (InputStream script = FirstSystem.class.getResourceAsStream(name)) {
            return new String(script.readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
