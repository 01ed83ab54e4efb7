package dev.chatkeep.command;

import java.lang.reflect.InvocationHandler;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.sql.Connection;
import java.sql.SQLException;

import javax.sql.DataSource;

import io.quarkus.runtime.annotations.RegisterForProxy;

/**
 * Has Flyway migrate within a transaction of somebody else: all its connections are that one, which it cannot commit. Only
 * migrations that run in a transaction can.
 */
@RegisterForProxy(targets = Connection.class)
@RegisterForProxy(targets = DataSource.class)
final class OneTransaction implements InvocationHandler {

    private final Connection connection;
    /** As whoever asks has set it. */
    private boolean autoCommit = true;

    private OneTransaction(Connection connection) {
        this.connection = connection;
    }

    static DataSource over(Connection connection) {
        return proxy(DataSource.class, (proxy, method, arguments) -> {
            if (method.getName().equals("getConnection")) {
                return proxy(Connection.class, new OneTransaction(connection));
            }
            throw new UnsupportedOperationException(method.getName());
        });
    }

    @Override
    public Object invoke(Object proxy, Method method, Object[] arguments) throws Throwable {
        switch (method.getName()) {
            case "setAutoCommit" -> autoCommit = (Boolean) arguments[0];
            case "getAutoCommit" -> {
                return autoCommit;
            }
            case "commit", "close" -> {
                // The transaction goes on.
            }
            case "rollback" -> throw new SQLException("The transaction ends with what failed in it");
            default -> {
                try {
                    return method.invoke(connection, arguments);
                } catch (InvocationTargetException e) {
                    throw e.getCause();
                }
            }
        }
        return null;
    }

    private static <T> T proxy(Class<T> type, InvocationHandler handler) {
        return type.cast(Proxy.newProxyInstance(OneTransaction.class.getClassLoader(), new Class<?>[] { type }, handler));
    }
}
