package dev.chatkeep.provider;

/** Gets the events of one call on the Vert.x context that made the call. No event follows the end or a failure. */
public interface ProviderListener {

    /** The first byte has arrived. There will be no other attempt. */
    default void arrived() {
    }

    /**
     * The answer is on its way: what was complete with its first bytes has been received. Of a document that is all of it, so
     * that whoever waits for the beginning of an answer gets to know whether it is an error.
     */
    void opened();

    /** The data of one event, or the whole body if the provider sends a document instead of a stream. */
    void received(String data);

    /** The response is complete. */
    void ended();

    void failed(ProviderFailure failure);
}
