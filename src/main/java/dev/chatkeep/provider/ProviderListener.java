package dev.chatkeep.provider;

/** Hears of one call, on the Vert.x context that the call was made on. After the end or a failure nothing comes any more. */
public interface ProviderListener {

    /** The first byte has come: there will be no other attempt. */
    void opened();

    /** One event's data, or the whole body where the provider answers with a document instead of a stream. */
    void received(String data);

    /** The provider has said all it had to say. */
    void ended();

    void failed(ProviderFailure failure);
}
