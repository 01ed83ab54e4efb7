package dev.chatkeep.wire;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import java.io.IOException;
import java.io.StringWriter;
import java.util.concurrent.TimeUnit;

import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;

import dev.chatkeep.testsupport.BesideOthers;
import dev.chatkeep.testsupport.PostgresServer;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.pgclient.PgConnectOptions;
import io.vertx.pgclient.PgConnection;
import io.vertx.sqlclient.Row;

/** Values as the driver reads them, held against what PostgreSQL writes. */
@BesideOthers
class RowMembersTest {

    private static Vertx vertx;
    private static PgConnection connection;

    @BeforeAll
    static void connect() throws Exception {
        vertx = Vertx.vertx();
        connection = result(PgConnection.connect(vertx, new PgConnectOptions().setHost("127.0.0.1")
                .setPort(PostgresServer.shared().port()).setDatabase("postgres").setUser("postgres")
                .setPassword(PostgresServer.PASSWORD).addProperty("TimeZone", "UTC")));
    }

    @AfterAll
    static void close() throws Exception {
        result(vertx.close());
    }

    @ParameterizedTest
    @ValueSource(strings = { "true", "false", "(-2147483648)::int", "9223372036854775807::bigint",
            "0.7::numeric(3, 2)", "0::numeric(20, 12)", "1e-12::numeric", "-1.50::numeric", "1e30::numeric",
            "12345678901234567890.1234567890123456789::numeric", "'NaN'::numeric",
            "''::text", "E'a \"b\"\\\\\\n\\t é 🙂'::text", "'a'::varchar(5)", "'null'::text", "array['a\"', null]",
            "array[]::text[]",
            "'5f0c1c1e-6f0e-4d7a-9a44-0d6f2f1b7a10'::uuid",
            "'2026-11-29'::date", "'infinity'::date", "'-infinity'::date", "'12345-06-07'::date", "'0044-03-15 BC'::date",
            "'2026-11-29 15:50:42.123456+00'::timestamptz", "'2026-11-29 15:50:42.000100+00'::timestamptz",
            "'2026-11-29 15:50:42.5+02'::timestamptz", "'2026-11-29 00:00:00+00'::timestamptz",
            "'0099-01-02 03:04:05+00'::timestamptz", "'12345-06-07 08:09:10.000001+00'::timestamptz",
            "'0044-03-15 12:00:00.25+00 BC'::timestamptz", "'infinity'::timestamptz", "'-infinity'::timestamptz",
            "null::boolean", "null::int", "null::numeric", "null::text", "null::text[]", "null::timestamptz" })
    void aValueIsWrittenAsPostgreSqlDoes(String value) throws Exception {
        // Given
        Row row = row("select v, jsonb_build_object('v', v)::text from (select " + value + " as v) t");

        // When
        String written = written(row);

        // Then
        assertThat(written).isEqualTo(withoutBlanks(row.getString(1)));
    }

    @ParameterizedTest
    @ValueSource(strings = { "null", "'null'", "'\"text\"'", "'[]'",
            "'{\"b\": [0.1234567890123456789, 1e30, 1.50, null], \"a\": \"é\"}'" })
    void jsonIsHandedOnAsItIs(String value) throws Exception {
        // Given
        Row row = row("select " + RowMembers.json("v") + ", v::text from (select " + value + "::jsonb as v) t");

        // When
        String written = written(row);

        // Then
        assertThat(written).isEqualTo("{\"v\":" + row.getString(1) + "}");
    }

    @ParameterizedTest
    @ValueSource(strings = { "'1 day'::interval", "1.5::float8", "7::smallint", "'10.0.0.1'::inet", "'{}'::jsonb", "array[1]",
            "'12:00'::time" })
    void aTypeThatNobodyHasThoughtOfIsRefused(String value) throws Exception {
        // Given
        Row row = row("select " + value + " as v");

        // When
        Throwable failure = catchThrowable(() -> written(row));

        // Then
        assertThat(failure).isInstanceOf(IllegalArgumentException.class)
                .hasMessageStartingWith("Nothing says how v is written, a ");
    }

    /** The first column. */
    private static String written(Row row) throws IOException {
        StringWriter text = new StringWriter();
        try (JsonGenerator json = new JsonFactory().createGenerator(text)) {
            json.writeStartObject();
            RowMembers.write(json, row, 0, 1);
            json.writeEndObject();
        }
        return text.toString();
    }

    private static String withoutBlanks(String json) {
        return json.replace("\": ", "\":").replace(", ", ",");
    }

    private static Row row(String sql) throws Exception {
        return result(connection.preparedQuery(sql).execute()).iterator().next();
    }

    private static <T> T result(Future<T> future) throws Exception {
        return future.toCompletionStage().toCompletableFuture().get(1, TimeUnit.MINUTES);
    }
}
