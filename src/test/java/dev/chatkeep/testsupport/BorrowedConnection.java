package dev.chatkeep.testsupport;

import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.Iterator;
import java.util.List;

/**
 * A connection for one statement or transaction. Making one takes more than ten times as long as most statements, so it is
 * kept for the next who wants the same one, and comes to them as if it were new.
 */
public final class BorrowedConnection implements AutoCloseable {

    private static final int MAX_IDLE = 8;

    /** The one that was given back last comes first. */
    private static final Deque<Idle> IDLE = new ArrayDeque<>();

    private record Idle(String url, String user, Connection connection) {
    }

    private final Idle borrowed;

    private BorrowedConnection(Idle borrowed) {
        this.borrowed = borrowed;
    }

    static BorrowedConnection of(String url, String user, String password) throws SQLException {
        synchronized (IDLE) {
            for (Iterator<Idle> all = IDLE.iterator(); all.hasNext();) {
                Idle idle = all.next();
                if (idle.url().equals(url) && idle.user().equals(user)) {
                    all.remove();
                    return new BorrowedConnection(idle);
                }
            }
        }
        return new BorrowedConnection(new Idle(url, user, DriverManager.getConnection(url, user, password)));
    }

    public Connection connection() {
        return borrowed.connection();
    }

    /** Undoes what was not committed, and gives it back. */
    @Override
    public void close() throws SQLException {
        List<Idle> over = new ArrayList<>();
        if (isLikeNew(borrowed.connection())) {
            synchronized (IDLE) {
                IDLE.addFirst(borrowed);
                while (IDLE.size() > MAX_IDLE) {
                    over.add(IDLE.removeLast());
                }
            }
        } else {
            over.add(borrowed);
        }
        end(over);
    }

    /** Forgets the role, settings and locks of the session; false if the connection is broken. */
    private static boolean isLikeNew(Connection connection) {
        try {
            if (!connection.getAutoCommit()) {
                connection.rollback();
                connection.setAutoCommit(true);
            }
            try (Statement statement = connection.createStatement()) {
                statement.execute("discard all");
            }
            return true;
        } catch (SQLException e) {
            return false;
        }
    }

    /** Closes those to a server that is about to stop: another one may come to have its port. */
    static void endAll(String urlOfServer) throws SQLException {
        List<Idle> over = new ArrayList<>();
        synchronized (IDLE) {
            IDLE.stream().filter(idle -> idle.url().startsWith(urlOfServer)).forEach(over::add);
            IDLE.removeAll(over);
        }
        end(over);
    }

    private static void end(List<Idle> connections) throws SQLException {
        for (Idle idle : connections) {
            idle.connection().close();
        }
    }
}
