package dev.chatkeep.testsupport;

import java.sql.Array;
import java.sql.Connection;
import java.sql.Date;
import java.sql.SQLException;
import java.sql.Timestamp;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

import org.postgresql.util.PGobject;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.json.JsonReadFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;

/**
 * Somebody who talks SQL: a login, and the role and the claims that each transaction takes on the way the service's
 * transactions do. Without a role the transactions are the login's own.
 */
public record SqlCaller(PostgresServer server, String database, String login, String role, String claims) {

    /** The SQLSTATE of a statement that went well. */
    public static final String SUCCESS = "00000";

    /** The SQLSTATE of what the caller may not do. */
    public static final String INSUFFICIENT_PRIVILEGE = "42501";

    private static final ObjectMapper JSON = JsonMapper.builder().enable(JsonReadFeature.ALLOW_SINGLE_QUOTES).build();

    /** Parses JSON whose strings may stand in single quotes. */
    public static JsonNode json(String text) {
        try {
            return JSON.readTree(text);
        } catch (JsonProcessingException e) {
            throw new IllegalArgumentException(text, e);
        }
    }

    /** Opens a transaction as this caller; closing the connection without a commit undoes it. */
    public Connection begin() throws SQLException {
        Connection connection = server.connect(database, login);
        begin(connection);
        return connection;
    }

    private void begin(Connection connection) throws SQLException {
        connection.setAutoCommit(false);
        if (role != null) {
            Sql.rows(connection, "select set_config('role', ?, true), set_config('request.jwt.claims', ?, true)", role, claims);
        }
    }

    /**
     * Runs one statement in a transaction of its own.
     *
     * @return the rows, where times are {@link java.time.Instant}s, dates {@link java.time.LocalDate}s, arrays lists and
     *         JSON is parsed
     */
    public List<Map<String, Object>> rows(String sql, Object... parameters) {
        try {
            return committed(sql, parameters);
        } catch (SQLException e) {
            throw new IllegalStateException(e.getSQLState() + " from " + sql, e);
        }
    }

    /** The only column of the rows. */
    public <T> List<T> column(String sql, Object... parameters) {
        return rows(sql, parameters).stream().map(SqlCaller::<T> only).toList();
    }

    /** The one value of the one row. */
    public <T> T value(String sql, Object... parameters) {
        List<Map<String, Object>> rows = rows(sql, parameters);
        if (rows.size() != 1) {
            throw new AssertionError("Expected one row, found " + rows);
        }
        return only(rows.get(0));
    }

    /** Runs one statement in a transaction of its own and returns the SQLSTATE with which it ended. */
    public String state(String sql, Object... parameters) {
        try {
            committed(sql, parameters);
            return SUCCESS;
        } catch (SQLException e) {
            return e.getSQLState();
        }
    }

    private List<Map<String, Object>> committed(String sql, Object... parameters) throws SQLException {
        try (BorrowedConnection borrowed = server.borrow(database, login)) {
            begin(borrowed.connection());
            List<Map<String, Object>> rows = read(borrowed.connection(), sql, parameters);
            borrowed.connection().commit();
            return rows;
        }
    }

    /** As {@link #rows}, in a transaction that is open already. */
    public static List<Map<String, Object>> read(Connection connection, String sql, Object... parameters) throws SQLException {
        List<Map<String, Object>> rows = Sql.rows(connection, sql, parameters);
        for (Map<String, Object> row : rows) {
            for (Map.Entry<String, Object> column : row.entrySet()) {
                column.setValue(plain(column.getValue()));
            }
        }
        return rows;
    }

    private static Object plain(Object value) throws SQLException {
        if (value instanceof Timestamp timestamp) {
            return timestamp.toInstant();
        }
        if (value instanceof Date date) {
            return date.toLocalDate();
        }
        if (value instanceof Array array) {
            return new ArrayList<>(Arrays.asList((Object[]) array.getArray()));
        }
        if (value instanceof PGobject object) {
            return object.getType().equals("jsonb") ? json(object.getValue()) : object.getValue();
        }
        return value;
    }

    @SuppressWarnings("unchecked")
    private static <T> T only(Map<String, Object> row) {
        if (row.size() != 1) {
            throw new AssertionError("Expected one column, found " + row);
        }
        return (T) row.values().iterator().next();
    }
}
