package dev.chatkeep.testsupport;

import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** SQL beside the service, on the database of the service under test, as the superuser whom no policy binds. */
public final class Sql {

    private Sql() {
    }

    /** A new one, which is the caller's own: for what lasts longer than a statement. */
    public static Connection connect() throws SQLException {
        return DriverManager.getConnection(System.getProperty(DatabaseResource.JDBC_URL), "postgres", PostgresServer.PASSWORD);
    }

    /** The rows as maps of column to value. */
    public static List<Map<String, Object>> rows(String sql, Object... parameters) {
        try (BorrowedConnection superuser = BorrowedConnection.of(System.getProperty(DatabaseResource.JDBC_URL), "postgres",
                PostgresServer.PASSWORD)) {
            return rows(superuser.connection(), sql, parameters);
        } catch (SQLException e) {
            throw new IllegalStateException(e);
        }
    }

    /** The one value of the one row. */
    @SuppressWarnings("unchecked")
    public static <T> T value(String sql, Object... parameters) {
        List<Map<String, Object>> rows = rows(sql, parameters);
        if (rows.size() != 1 || rows.get(0).size() != 1) {
            throw new AssertionError("Expected one value, found " + rows);
        }
        return (T) rows.get(0).values().iterator().next();
    }

    public static List<Map<String, Object>> rows(Connection connection, String sql, Object... parameters) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(sql)) {
            for (int i = 0; i < parameters.length; i++) {
                statement.setObject(i + 1, parameters[i]);
            }
            List<Map<String, Object>> rows = new ArrayList<>();
            if (!statement.execute()) {
                return rows;
            }
            ResultSet results = statement.getResultSet();
            while (results.next()) {
                Map<String, Object> row = new LinkedHashMap<>();
                for (int column = 1; column <= results.getMetaData().getColumnCount(); column++) {
                    row.put(results.getMetaData().getColumnLabel(column), results.getObject(column));
                }
                rows.add(row);
            }
            return rows;
        }
    }
}
