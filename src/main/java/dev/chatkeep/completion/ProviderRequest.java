package dev.chatkeep.completion;

/**
 * What is sent to the provider.
 *
 * @param json a request of OpenAI's chat completions, which is the API of all providers
 * @param streamed whether it asks for a stream
 * @param prompt the text that the model gets to read, for an estimate of its tokens
 */
record ProviderRequest(byte[] json, boolean streamed, String prompt) {
}
