package dev.chatkeep.message;

import java.io.Serializable;
import java.time.Instant;
import java.util.UUID;

import jakarta.persistence.Column;
import jakarta.persistence.Entity;
import jakarta.persistence.Id;
import jakarta.persistence.IdClass;
import jakarta.persistence.Table;

import org.hibernate.annotations.DynamicUpdate;
import org.hibernate.annotations.JdbcTypeCode;
import org.hibernate.type.SqlTypes;

import io.quarkus.hibernate.reactive.panache.PanacheEntityBase;
import io.smallrye.mutiny.Uni;

/** A message of one user's session; null is what the client did not say. Only its content changes through this. */
@Entity
@DynamicUpdate
@Table(name = "chat_messages", schema = "public")
@IdClass(ChatMessage.Key.class)
public class ChatMessage extends PanacheEntityBase {

    /** Clients make the ids of messages, so one is unique within its user only. */
    public record Key(UUID userId, String id) implements Serializable {
    }

    @Id
    @Column(name = "user_id")
    public UUID userId;

    @Id
    public String id;

    @Column(name = "session_id")
    public String sessionId;

    /** {@code user}, {@code assistant}, {@code system} or {@code tool}. */
    public String role;

    public String content;

    public String model;

    @Column(name = "total_tokens")
    public Integer totalTokens;

    @Column(name = "input_tokens")
    public Integer inputTokens;

    @Column(name = "output_tokens")
    public Integer outputTokens;

    /** The user message that this answer answers. */
    @Column(name = "user_message_id")
    public String userMessageId;

    /** {@code text} or {@code markdown}. */
    @Column(name = "content_type")
    public String contentType;

    @Column(name = "elapsed_ms")
    public Integer elapsedMillis;

    @Column(name = "completion_id")
    public String completionId;

    @Column(name = "message_timestamp")
    public Instant messageTimestamp;

    /** Why the message failed; such a message is stored and not counted. */
    @Column(name = "error_message")
    public String errorMessage;

    @Column(name = "is_streaming")
    public boolean isStreaming;

    @JdbcTypeCode(SqlTypes.JSON)
    public String metadata;

    /** What clients said besides; null if nothing. */
    @JdbcTypeCode(SqlTypes.JSON)
    public String extras;

    static Uni<ChatMessage> find(UUID userId, String id) {
        return findById(new Key(userId, id));
    }

    static Uni<Long> delete(UUID userId, String id) {
        return delete("userId = ?1 and id = ?2", userId, id);
    }
}
