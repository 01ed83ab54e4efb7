package dev.chatkeep.database;

import static dev.chatkeep.testsupport.AtOnce.allAtOnce;
import static dev.chatkeep.testsupport.Patience.PATIENCE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import java.sql.Connection;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Future;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;

import jakarta.inject.Inject;

import org.eclipse.microprofile.config.inject.ConfigProperty;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import dev.chatkeep.testsupport.Caller;
import dev.chatkeep.testsupport.DatabaseResource;
import dev.chatkeep.testsupport.Json;
import dev.chatkeep.testsupport.Sql;
import dev.chatkeep.testsupport.Stored;
import dev.chatkeep.testsupport.Tokens;
import io.quarkiverse.resteasy.problem.HttpProblem;
import io.quarkus.security.identity.CurrentIdentityAssociation;
import io.quarkus.security.identity.IdentityProviderManager;
import io.quarkus.security.identity.request.TokenAuthenticationRequest;
import io.quarkus.smallrye.jwt.runtime.auth.JsonWebTokenCredential;
import io.quarkus.test.common.TestResourceScope;
import io.quarkus.test.common.WithTestResource;
import io.quarkus.test.junit.QuarkusTest;
import io.smallrye.mutiny.Uni;
import io.vertx.core.buffer.Buffer;
import io.vertx.pgclient.PgException;
import io.vertx.sqlclient.Pool;
import io.vertx.sqlclient.Row;
import io.vertx.sqlclient.RowSet;
import io.vertx.sqlclient.SqlConnection;
import io.vertx.sqlclient.impl.SocketConnectionBase;
import io.vertx.sqlclient.impl.SqlConnectionInternal;

@QuarkusTest
@WithTestResource(value = DatabaseResource.class, scope = TestResourceScope.GLOBAL)
class DatabaseTest {

    @ConfigProperty(name = "quarkus.datasource.reactive.max-size")
    int poolSize;

    @Inject
    Database database;

    @Inject
    Pool pool;

    @Inject
    IdentityProviderManager identities;

    @Inject
    CurrentIdentityAssociation currentIdentity;

    @ParameterizedTest
    @ValueSource(strings = { "profiles", "user_activity_log", "chat_sessions", "chat_messages", "user_usage_daily" })
    void aQueryWithoutAUserConditionReturnsTheCallersRowsOnly(String table) {
        // Given
        Caller ada = userWithMessage();
        userWithMessage();
        actAs(ada);

        // When
        String rows = text(database.asCaller().read()
                .document("select count(*)::text from public." + table + " where $1::uuid is not null"));

        // Then
        assertThat(rows).isEqualTo("1");
        assertThat(Sql.<Long> value("select count(*) from public." + table)).isGreaterThan(1);
    }

    @Test
    void aWriteWithoutAUserConditionChangesTheCallersRowsOnly() {
        // Given
        Caller ada = userWithMessage();
        Caller bob = userWithMessage();
        String before = Stored.versions(bob);
        actAs(ada);

        // When
        String rows = value(
                database.asCaller().write()
                        .run("with changed as (update public.chat_sessions set title = 'Changed' returning 1)"
                                + " select count(*)::text from changed where $1::uuid is not null"));

        // Then
        assertThat(rows).isEqualTo("1");
        assertThat(Stored.versions(bob)).isEqualTo(before);
        assertThat(Json.texts(Stored.of(ada, "sessions"), "title")).containsExactly("Changed");
    }

    @ParameterizedTest
    @ValueSource(strings = { "chat_messages", "chat_sessions" })
    void aDeletionWithoutAUserConditionDeletesTheCallersRowsOnly(String table) {
        // Given
        Caller ada = userWithMessage();
        Caller bob = userWithMessage();
        String before = Stored.versions(bob);
        actAs(ada);

        // When
        String rows = value(database.asCaller().write().run("with deleted as (delete from public." + table + " returning 1)"
                + " select count(*)::text from deleted where $1::uuid is not null"));

        // Then
        assertThat(rows).isEqualTo("1");
        assertThat(Stored.versions(bob)).isEqualTo(before);
        assertThat(Stored.of(ada, "messages")).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(strings = {
            "insert into public.chat_sessions (user_id, id) select '%1$s', 'taken-over' where $1::uuid is not null returning id",
            "insert into public.chat_messages (user_id, id, session_id, role, content)"
                    + " select '%1$s', 'm2', 's1', 'user', 'Taken over' where $1::uuid is not null returning id",
            "update public.chat_messages set user_id = '%1$s' where user_id = $1 returning id",
            "update public.chat_sessions set user_id = '%1$s' where user_id = $1 returning id",
            "update public.chat_sessions set message_count = 99 where user_id = $1 returning id",
            "update public.profiles set subscription_tier = 'admin' where id = $1 returning id::text",
            "update public.profiles set credits = 99 where id = $1 returning id::text",
            "delete from public.user_usage_daily where user_id = $1 returning id::text",
            "delete from public.user_activity_log where user_id = $1 returning id::text",
            "select public.update_user_tier($1, 'admin')::text",
            "select chatkeep.create_session('%1$s', 's2', 'Taken over')::text where $1::uuid is not null",
            "select public.get_user_complete_profile('%1$s')::text where $1::uuid is not null",
            "select public.sync_user_conversations('%1$s', '[]')::text where $1::uuid is not null",
            "select email::text from auth.users where $1::uuid is not null limit 1" })
    void whatIsNotTheCallersToDoIsForbidden(String sql) {
        // Given
        Caller ada = userWithMessage();
        Caller bob = userWithMessage();
        String before = Stored.versions(ada) + Stored.versions(bob);
        actAs(ada);

        // When
        Throwable failure = catchThrowable(() -> await(database.asCaller().write().run(sql.formatted(bob.id()))));

        // Then
        assertThat(failure).isInstanceOf(HttpProblem.class);
        assertThat(((HttpProblem) failure).getStatusCode()).isEqualTo(403);
        assertThat(((HttpProblem) failure).getParameters()).containsEntry("code", "forbidden");
        assertThat(Stored.versions(ada) + Stored.versions(bob)).isEqualTo(before);
    }

    @ParameterizedTest
    @ValueSource(strings = { "select * from public.chat_sessions", "select * from public.chat_messages",
            "select * from public.profiles", "select * from public.user_activity_log", "select * from public.user_usage_daily",
            "select * from public.model_access", "select * from public.system_cache", "select * from public.system_stats",
            "select * from public.api_user_summary", "select * from auth.users", "select * from chatkeep.charges",
            "insert into public.chat_sessions (user_id, id) values (gen_random_uuid(), 's1')",
            "delete from public.chat_sessions", "update public.chat_messages set content = ''",
            "select public.get_user_recent_sessions(gen_random_uuid())", "select chatkeep.sign_in()",
            "select public.cleanup_old_data()", "set role postgres", "set role chatkeep_owner", "set role anon",
            "set session authorization postgres", "create table public.x (x int)" })
    void forgettingTheRoleIsAnError(String sql) {
        // Given
        userWithMessage();

        // When
        Throwable failure = catchThrowable(() -> await(uni(() -> pool.query(sql).execute())));

        // Then
        assertThat(failure).isInstanceOf(PgException.class);
        assertThat(((PgException) failure).getSqlState()).isEqualTo("42501");
    }

    @Test
    void pooledConnectionsCarryNothingOver() throws Exception {
        // Given
        Caller ada = userWithMessage();
        List<Callable<Integer>> requests = new ArrayList<>();
        for (int number = 0; number < poolSize * 2; number++) {
            String id = "m" + number;
            requests.add(() -> ada.listSessions().statusCode());
            requests.add(() -> ada.messages("s2").statusCode());
            requests.add(() -> ada.post("s1", Map.of("id", id, "role", "user", "content", "Hello")).statusCode());
            requests.add(() -> ada.post("s2", Map.of("id", id, "role", "user", "content", "Hello")).statusCode());
            requests.add(() -> ada.rename("s1", "Renamed " + id).statusCode());
            requests.add(() -> ada.rename("s2", "Renamed " + id).statusCode());
        }
        List<Integer> statuses = allAtOnce(poolSize * 2, requests);

        // When
        List<String> states = stateOfEveryConnection();

        // Then
        assertThat(statuses).isSubsetOf(200, 201, 404, 409);
        assertThat(states).hasSize(poolSize).containsOnly("chatkeep_app|none||");
    }

    @Test
    void aConnectionWhoseTransactionFailedCarriesNothingOver() {
        // Given
        actAs(Caller.fresh());
        for (int number = 0; number < poolSize * 2; number++) {
            catchThrowable(
                    () -> await(database.asCaller().write().document("select (1 / 0)::text where $1::uuid is not null")));
            catchThrowable(() -> await(database.asCaller().read().document("this is no SQL $1")));
            catchThrowable(() -> await(database.asService().write().row("select 1 / 0 as x")));
        }

        // When
        List<String> states = stateOfEveryConnection();

        // Then
        assertThat(states).hasSize(poolSize).containsOnly("chatkeep_app|none||");
    }

    @Test
    void aStatementThatFailsAfterItWroteLeavesNothing() {
        // Given
        Caller caller = Caller.fresh();
        actAs(caller);

        // When
        Throwable failure = catchThrowable(() -> await(database.asCaller().write().document(
                "select (1 / s.message_count)::text from chatkeep.create_session($1, 's1', 'A title') s")));

        // Then
        assertThat(((HttpProblem) failure).getStatusCode()).isEqualTo(422);
        assertThat(Stored.versions(caller)).isNull();
        assertThat(Sql.rows("select from auth.users where id = ?", caller.id())).isEmpty();
    }

    @Test
    void aReadCannotWrite() {
        // Given
        Caller caller = userWithMessage();
        String before = Stored.versions(caller);
        actAs(caller);

        // When
        Throwable failure = catchThrowable(() -> await(database.asCaller().read().run(
                "select id from chatkeep.create_session($1, 's2', 'Another')")));

        // Then
        assertThat(failure).isInstanceOf(HttpProblem.class);
        assertThat(Stored.versions(caller)).isEqualTo(before);
    }

    @Test
    void aStatementThatDoesNotUseTheCallersIdFails() {
        // Given
        actAs(userWithMessage());

        // When
        Throwable failure = catchThrowable(
                () -> await(database.asCaller().read().document("select count(*)::text from public.chat_sessions")));

        // Then
        assertThat(failure).isNotNull();
    }

    @Test
    void aStatementWithoutARowReturnsNull() {
        // Given
        actAs(Caller.fresh());

        // When
        String row = text(database.asCaller().read().document("select s.id from public.chat_sessions s where s.user_id = $1"));

        // Then
        assertThat(row).isNull();
    }

    @Test
    void theServiceSeesTheRowsOfEverybody() {
        // Given
        Caller ada = userWithMessage();
        Caller bob = userWithMessage();

        // When
        Row row = await(database.asService().write().row("select count(*) as users, min(current_user::text) as role"
                + " from public.profiles where id in ($1, $2)", ada.id(), bob.id()));

        // Then
        assertThat(row.getLong("users")).isEqualTo(2);
        assertThat(row.getString("role")).isEqualTo("service_role");
    }

    @Test
    void policiesReadTheClaimsOfTheCaller() {
        // Given
        Caller caller = Caller.fresh();
        actAs(caller);

        // When
        String seen = text(
                database.asCaller().read().document("select concat_ws('|', current_user, session_user, auth.uid(), auth.role(),"
                        + " auth.jwt() ->> 'email', current_setting('transaction_read_only')) where $1::uuid is not null"));

        // Then
        assertThat(seen).isEqualTo("authenticated|chatkeep_app|" + caller.id() + "|authenticated|" + Tokens.email(caller.id())
                + "|on");
    }

    /** What the pool adds to its connections reaches into the client, and would be left out without a word. */
    @Test
    void statementsOfOneTurnAreSentTogether() {
        // Given
        SqlConnection connection = await(uni(() -> pool.getConnection()));
        try {
            SocketConnectionBase socket = (SocketConnectionBase) ((SqlConnectionInternal) connection).unwrap().unwrap();

            // When
            List<String> handlers = socket.socket().channelHandlerContext().pipeline().toMap().values().stream()
                    .map(handler -> handler.getClass().getSimpleName()).toList();

            // Then
            assertThat(handlers).first().isEqualTo("FlushConsolidationHandler");
        } finally {
            await(uni(connection::close));
        }
    }

    @Test
    void aStatementThatTakesTooLongIsStopped() {
        // Given
        Access impatient = impatient();

        // When
        Throwable failure = catchThrowable(() -> await(impatient.read().run("select pg_sleep(60)")));

        // Then
        assertThat(failure).isInstanceOfSatisfying(HttpProblem.class, problem -> {
            assertThat(problem.getStatusCode()).isEqualTo(503);
            assertThat(problem.getParameters()).containsEntry("code", "timed_out");
        });
    }

    @Test
    void aStatementThatWaitsTooLongForALockIsStopped() throws Exception {
        // Given
        Access impatient = new Access(new Pipeline(pool), null, null, dev.chatkeep.security.Caller.SERVICE, null,
                new Bounds(PATIENCE, Duration.ofMillis(50), PATIENCE, ""));

        // When
        Throwable failure;
        try (Connection lock = Sql.connect()) {
            lock.setAutoCommit(false);
            lock.createStatement().execute("lock table public.system_cache in access exclusive mode");
            failure = catchThrowable(() -> await(impatient.write().run("select chatkeep.cached('a')")));
        }

        // Then
        assertThat(failure).isInstanceOfSatisfying(HttpProblem.class, problem -> {
            assertThat(problem.getStatusCode()).isEqualTo(503);
            assertThat(problem.getParameters()).containsEntry("code", "too_busy");
        });
    }

    /** The pool can miss the end of a connection, and would hand it out for ever. */
    @Test
    void thePoolIsWholeAfterConnectionsWereClosedAtRandom() {
        // Given
        Statements statements = database.asService().read();
        int ended = 0;

        // When
        for (int round = 0; round < 50; round++) {
            List<Uni<Integer>> requests = IntStream.range(0, 2 * poolSize)
                    .mapToObj(number -> statements.one(row -> row.getInteger(0), "select 1").onFailure().recoverWithItem(-1))
                    .toList();
            Uni<List<Integer>> all = Uni.join().all(requests).andCollectFailures();
            CompletableFuture<List<Integer>> answers = all.subscribeAsCompletionStage();
            ended += Sql.rows("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'chatkeep_app'"
                    + " and datname = current_database()").size();
            answers.join();
        }

        // Then
        assertThat(ended).isGreaterThan(poolSize);
        List<Uni<Integer>> requests = IntStream.range(0, 10 * poolSize)
                .mapToObj(number -> statements.one(row -> row.getInteger(0), "select 1")).toList();
        assertThat(await(Uni.join().all(requests).andFailFast())).containsOnly(1);
    }

    private Access impatient() {
        return new Access(new Pipeline(pool), null, null, dev.chatkeep.security.Caller.SERVICE, null,
                new Bounds(Duration.ofMillis(50), PATIENCE, PATIENCE, ""));
    }

    private static Caller userWithMessage() {
        Caller caller = Caller.fresh();
        caller.createSession("s1", "A title").then().statusCode(201);
        caller.post("s1", Map.of("id", "m1", "role", "user", "content", "Hello")).then().statusCode(201);
        return caller;
    }

    /** What a request with a token of that user does before it reaches a resource. */
    private void actAs(Caller caller) {
        currentIdentity.setIdentity(identities.authenticateBlocking(
                new TokenAuthenticationRequest(new JsonWebTokenCredential(caller.token()))));
    }

    /** Role, claims and whatever else a transaction sets, of all connections that the pool may have, held at the same time. */
    private List<String> stateOfEveryConnection() {
        List<SqlConnection> connections = new ArrayList<>();
        try {
            for (int number = 0; number < poolSize; number++) {
                connections.add(await(uni(() -> pool.getConnection())));
            }
            return connections.stream().map(connection -> await(uni(() -> connection.query("""
                    select concat(current_user, '|', current_setting('role'), '|', current_setting('request.jwt.claims', true),
                                  '|', nullif(current_setting('chatkeep.first_upload', true), 'off')) as state
                    """).execute()))).flatMap(rows -> stream(rows)).map(row -> row.getString("state")).toList();
        } finally {
            connections.forEach(connection -> await(uni(connection::close)));
        }
    }

    private static Stream<Row> stream(Iterable<Row> rows) {
        return StreamSupport.stream(rows.spliterator(), false);
    }

    private interface Call<T> {
        io.vertx.core.Future<T> start();
    }

    private static <T> Uni<T> uni(Call<T> call) {
        return Uni.createFrom().completionStage(() -> call.start().toCompletionStage());
    }

    private static String text(Uni<Buffer> result) {
        Buffer text = await(result);
        return text == null ? null : text.toString();
    }

    private static String value(Uni<RowSet<Row>> result) {
        return await(result).iterator().next().getString(0);
    }

    private static <T> T await(Uni<T> result) {
        return result.await().atMost(PATIENCE);
    }
}
