package dev.chatkeep.sync;

import java.time.Instant;
import java.time.temporal.ChronoUnit;

import jakarta.ws.rs.Consumes;
import jakarta.ws.rs.GET;
import jakarta.ws.rs.POST;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.Produces;
import jakarta.ws.rs.core.MediaType;

import org.eclipse.microprofile.openapi.annotations.Operation;
import org.eclipse.microprofile.openapi.annotations.media.Content;
import org.eclipse.microprofile.openapi.annotations.media.Schema;
import org.eclipse.microprofile.openapi.annotations.parameters.RequestBody;
import org.eclipse.microprofile.openapi.annotations.responses.APIResponse;
import org.eclipse.microprofile.openapi.annotations.tags.Tag;
import org.jboss.resteasy.reactive.server.Cancellable;

import dev.chatkeep.message.MessageInput;
import dev.chatkeep.security.CallerTransaction;
import dev.chatkeep.wire.Timestamps;
import io.quarkus.security.Authenticated;
import io.smallrye.mutiny.Uni;
import io.vertx.core.buffer.Buffer;

/** Whole conversations up and down. */
@Path("/api/chat/sync")
@Authenticated
@Produces(MediaType.APPLICATION_JSON)
@Tag(name = "Sync", description = "Whole conversations up and down")
public class SyncResource {

    /** How many conversations a download holds. */
    static final int NEWEST = 10;
    /** How many bytes of content a download holds at the most. */
    static final long MOST_BYTES = 64 << 20;

    private static final String NEWEST_FIRST = "s.updated_at desc, s.last_message_timestamp desc nulls last, s.id desc";

    /** {@code $1} user, {@code $2} how many bytes of content. A conversation is there as a whole or not at all. */
    private static final String DOWNLOAD = "with newest as (select s.*, row_number() over (order by " + NEWEST_FIRST
            + ") as position"
            + " from public.chat_sessions s where s.user_id = $1 order by " + NEWEST_FIRST + " limit " + NEWEST + "),"
            + " sized as (select s.*, sum(c.bytes) over (order by s.position) as bytes from newest s"
            + " cross join lateral (select coalesce(sum(octet_length(m.content)), 0) as bytes from public.chat_messages m"
            + " where m.user_id = s.user_id and m.session_id = s.id) c)"
            + " select json_build_object('conversations', coalesce(json_agg(json_build_object("
            + "'id', s.id, 'title', s.title, 'userId', s.user_id,"
            + " 'messages', (select coalesce(json_agg(" + MessageInput.SQL + " order by m.message_timestamp, m.id), '[]')"
            + " from public.chat_messages m where m.user_id = s.user_id and m.session_id = s.id),"
            + " 'createdAt', " + Timestamps.sql("s.created_at") + ", 'updatedAt', " + Timestamps.sql("s.updated_at") + ","
            + " 'messageCount', s.message_count, 'totalTokens', s.total_tokens, 'lastModel', s.last_model,"
            + " 'lastMessagePreview', s.last_message_preview,"
            + " 'lastMessageTimestamp', " + Timestamps.sql("s.last_message_timestamp") + ", 'isActive', s.is_active)"
            + " order by s.position), '[]'),"
            + " 'syncTime', " + Timestamps.sql("now()") + ")::text from sized s where s.bytes <= $2";

    private final CallerTransaction transaction;
    private final SyncUpload upload;

    public SyncResource(CallerTransaction transaction, SyncUpload upload) {
        this.transaction = transaction;
        this.upload = upload;
    }

    @GET
    @Operation(summary = "Download the newest conversations", description = "The " + NEWEST
            + " newest, each with all its messages in time order. Those that would bring it over 64 MiB of content are left out:"
            + " the list of sessions names them, and their messages can be read one by one.")
    @APIResponse(responseCode = "200", description = "The conversations", content = @Content(schema = @Schema(implementation = SyncAnswers.Downloaded.class)))
    public Uni<Buffer> download() {
        return transaction.read(DOWNLOAD, MOST_BYTES);
    }

    @POST
    @Consumes(MediaType.APPLICATION_JSON)
    @Cancellable(false)
    @Operation(summary = "Upload conversations", description = "New messages are stored, changed ones corrected, the same"
            + " ones left alone, so an upload can be sent again. A conversation that is new keeps its times; one that did"
            + " not change is not touched. A bad conversation is reported in `details` and the others are stored.")
    @RequestBody(required = true, content = @Content(schema = @Schema(implementation = SyncUpload.Request.class)))
    @APIResponse(responseCode = "200", description = "What became of each conversation")
    @APIResponse(responseCode = "400", description = "The body is malformed or has no conversations")
    @APIResponse(responseCode = "413", description = "The request is larger than 16 MiB")
    @APIResponse(responseCode = "422", description = "The conversations are no array")
    public Uni<SyncAnswers.Uploaded> upload(byte[] body) {
        return upload.store(body)
                .map(results -> new SyncAnswers.Uploaded(true, results, Instant.now().truncatedTo(ChronoUnit.MILLIS)));
    }
}
