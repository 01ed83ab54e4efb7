import { Transport } from './transport.js';
import type * as schema from './schema.js';
import type { Options } from './transport.js';
/** @import * as schema from './schema.js' */
/** @import { Options } from './transport.js' */
/** A method for each operation of the API that is no stream. */
export declare class Operations extends Transport {
    /**
     * Ask a model. The whole answer at once, or as server-sent events: `delta` with `{"content": "…"}` as the text
     * comes, then one `done` with the same object as `data` has in the whole answer, or `error` with a problem
     * document. With a session both messages are stored in it, the question before the model is called. A client
     * that goes away in the middle leaves what had come, marked as interrupted. A question has one call at a time:
     * the same question, asked again while it is being answered, is answered by that call.
     *
     * @param {Omit<schema.ChatRequest, 'stream'>} body
     * @param {{ idempotencyKey?: string }} [parameters]
     * @param {Options} [options]
     * @returns {Promise<schema.ChatResponse>}
     */
    createAnswer(body: Omit<schema.ChatRequest, 'stream'>, parameters?: {
        idempotencyKey?: string;
    }, options?: Options): Promise<schema.ChatResponse>;
    /**
     * Create a chat completion. OpenAI's `POST /v1/chat/completions`, streamed or not: what is asked goes to the
     * provider as it is, and its answer comes back as it is. With `metadata.session_id` or the header `X-Session-Id`
     * the last question and the answer are stored in that session.
     *
     * @param {schema.ChatCompletionRequest} body
     * @param {{ sessionId?: string }} [parameters]
     * @param {Options} [options]
     * @returns {Promise<schema.ChatCompletion>}
     */
    createChatCompletion(body: schema.ChatCompletionRequest, parameters?: {
        sessionId?: string;
    }, options?: Options): Promise<schema.ChatCompletion>;
    /**
     * Open a model for a tier. And for all tiers above it.
     *
     * @param {schema.NewModelAccess} body
     * @param {Options} [options]
     * @returns {Promise<schema.AdminModel>}
     */
    createModelAccess(body: schema.NewModelAccess, options?: Options): Promise<schema.AdminModel>;
    /**
     * Create a session. Repeating the request returns the same session.
     *
     * @param {schema.NewSession} body
     * @param {Options} [options]
     * @returns {Promise<schema.SessionAnswer>}
     */
    createSession(body: schema.NewSession, options?: Options): Promise<schema.SessionAnswer>;
    /**
     * Deactivate a model for a tier. The row stays, with its prices; `PATCH` with `is_active` opens it again.
     *
     * @param {string} id
     * @param {Options} [options]
     * @returns {Promise<schema.AdminModel>}
     */
    deactivateModelAccess(id: string, options?: Options): Promise<schema.AdminModel>;
    /**
     * Delete all sessions. Their messages go with them. What was used stays counted.
     *
     * @param {Options} [options]
     * @returns {Promise<schema.Cleared>}
     */
    deleteAllSessions(options?: Options): Promise<schema.Cleared>;
    /**
     * Delete a message. What was used stays counted.
     *
     * @param {string} id
     * @param {Options} [options]
     * @returns {Promise<schema.MessageDeleted>}
     */
    deleteMessage(id: string, options?: Options): Promise<schema.MessageDeleted>;
    /**
     * Delete a session. Its messages go with it. What was used stays counted.
     *
     * @param {{ id: string }} parameters
     * @param {Options} [options]
     * @returns {Promise<schema.Deleted>}
     */
    deleteSession(parameters: {
        id: string;
    }, options?: Options): Promise<schema.Deleted>;
    /**
     * Download the newest conversations. The 10 newest, each with all its messages in time order. Those that would
     * exceed 64 MiB of content are left out: the list of sessions names them, and their messages can be read one by
     * one.
     *
     * @param {Options} [options]
     * @returns {Promise<schema.SyncDownload>}
     */
    downloadConversations(options?: Options): Promise<schema.SyncDownload>;
    /**
     * Erase the account. Deletes the profile and everything else about the caller, for good. Tokens that were issued
     * before are refused from then on (401 `account_erased`); who signs in again starts afresh.
     *
     * @param {schema.Erasure} body
     * @param {Options} [options]
     * @returns {Promise<schema.Erased>}
     */
    eraseAccount(body: schema.Erasure, options?: Options): Promise<schema.Erased>;
    /**
     * Download everything. Everything that is stored about the caller, as one JSON document or as lines
     * (`format=ndjson`), a line an item with its `type`. It is streamed: a download that breaks off is not complete,
     * and the connection says so.
     *
     * @param {Options} [options]
     * @returns {Promise<schema.Export>}
     */
    exportUserData(options?: Options): Promise<schema.Export>;
    /**
     * Read the usage of each day. Every day of the range, also those without usage, and their sum. Days older than
     * the retention are zero.
     *
     * @param {{ from?: string, to?: string }} [parameters]
     * @param {Options} [options]
     * @returns {Promise<schema.UsageDays>}
     */
    getDailyUsage(parameters?: {
        from?: string;
        to?: string;
    }, options?: Options): Promise<schema.UsageDays>;
    /**
     * Read the health of the database. Sizes, rows and index use, as the database function `analyze_database_health`
     * returns them.
     *
     * @param {Options} [options]
     * @returns {Promise<schema.DatabaseHealth>}
     */
    getDatabaseHealth(options?: Options): Promise<schema.DatabaseHealth>;
    /**
     * Read a message. As it is stored, in whichever session of the caller.
     *
     * @param {string} id
     * @param {Options} [options]
     * @returns {Promise<schema.StoredMessage>}
     */
    getMessage(id: string, options?: Options): Promise<schema.StoredMessage>;
    /**
     * Ask whether the caller may use a model. Slashes and colons of the id may be percent-encoded in the path.
     *
     * @param {string} id
     * @param {Options} [options]
     * @returns {Promise<schema.ModelAccess>}
     */
    getModelAccess(id: string, options?: Options): Promise<schema.ModelAccess>;
    /**
     * Get a model. OpenAI's `GET /v1/models/{model}`.
     *
     * @param {string} id
     * @param {Options} [options]
     * @returns {Promise<schema.OpenAiModel>}
     */
    getOpenAiModel(id: string, options?: Options): Promise<schema.OpenAiModel>;
    /**
     * Read what all users did in a range of days.
     *
     * @param {{ from?: string, to?: string }} [parameters]
     * @param {Options} [options]
     * @returns {Promise<schema.Overview>}
     */
    getOverview(parameters?: {
        from?: string;
        to?: string;
    }, options?: Options): Promise<schema.Overview>;
    /**
     * Read the complete profile. The profile with preferences, models and usage, as the database function
     * `get_user_complete_profile` returns it.
     *
     * @param {Options} [options]
     * @returns {Promise<schema.CompleteProfile>}
     */
    getProfile(options?: Options): Promise<schema.CompleteProfile>;
    /**
     * Read the usage of each model. The most expensive first. Costs are those at the time when an answer was
     * recorded.
     *
     * @param {{ from?: string, to?: string }} [parameters]
     * @param {Options} [options]
     * @returns {Promise<schema.UsageOfModels>}
     */
    getUsageByModel(parameters?: {
        from?: string;
        to?: string;
    }, options?: Options): Promise<schema.UsageOfModels>;
    /**
     * Read the usage of today, 7 days, 30 days and all time.
     *
     * @param {Options} [options]
     * @returns {Promise<schema.UsageSummary>}
     */
    getUsageSummary(options?: Options): Promise<schema.UsageSummary>;
    /**
     * Read one user's profile and usage.
     *
     * @param {string} id
     * @param {Options} [options]
     * @returns {Promise<schema.AdminUserWithUsage>}
     */
    getUser(id: string, options?: Options): Promise<schema.AdminUserWithUsage>;
    /**
     * Read what a front end starts with. Today's usage, the totals of all time, the profile, the preferences and the
     * models that the tier opens.
     *
     * @param {Options} [options]
     * @returns {Promise<schema.UserData>}
     */
    getUserData(options?: Options): Promise<schema.UserData>;
    /**
     * Read one user's usage of each day. As `GET /api/usage/daily`.
     *
     * @param {string} id
     * @param {{ from?: string, to?: string }} [parameters]
     * @param {Options} [options]
     * @returns {Promise<schema.UsageDays>}
     */
    getUserUsage(id: string, parameters?: {
        from?: string;
        to?: string;
    }, options?: Options): Promise<schema.UsageDays>;
    /**
     * Import a provider's catalogue. In the shape of OpenRouter's `GET /api/v1/models`: `{"data": [{id, name,
     * description, context_length, pricing{prompt, completion, input_cache_read}, …}]}`. Models that are new to the
     * tier are added; prices, names, descriptions, tags and context lengths of the others follow the catalogue,
     * limits and `is_active` stay. A model that cannot be imported is reported and the others are stored.
     *
     * @param {schema.Catalog} body
     * @param {{ tier: "free" | "pro" | "enterprise" | "admin" }} parameters
     * @param {Options} [options]
     * @returns {Promise<schema.CatalogImported>}
     */
    importCatalog(body: schema.Catalog, parameters: {
        tier: "free" | "pro" | "enterprise" | "admin";
    }, options?: Options): Promise<schema.CatalogImported>;
    /**
     * List the caller's activity. Newest first, in pages.
     *
     * @param {{ cursor?: string, limit?: number }} [parameters]
     * @param {Options} [options]
     * @returns {Promise<schema.ActivityList>}
     */
    listActivity(parameters?: {
        cursor?: string;
        limit?: number;
    }, options?: Options): Promise<schema.ActivityList>;
    /**
     * The pages of `listActivity`, one after the other.
     *
     * @param {{ limit?: number }} [parameters]
     * @param {Options} [options]
     * @returns {AsyncGenerator<schema.ActivityList, void, undefined>}
     */
    iterateActivityPages(parameters?: {
        limit?: number;
    }, options?: Options): AsyncGenerator<schema.ActivityList, void, undefined>;
    /**
     * What `listActivity` lists, one after the other, page by page.
     *
     * @param {{ limit?: number }} [parameters]
     * @param {Options} [options]
     * @returns {AsyncGenerator<schema.Activity, void, undefined>}
     */
    iterateActivity(parameters?: {
        limit?: number;
    }, options?: Options): AsyncGenerator<schema.Activity, void, undefined>;
    /**
     * Read a session. Its messages in time order; complete up to 50000 messages and 64 MiB of content, beyond that
     * and with `limit` in pages, each of which names the cursor of the next.
     *
     * @param {{ session_id: string, cursor?: string, limit?: number }} parameters
     * @param {Options} [options]
     * @returns {Promise<schema.MessageList>}
     */
    listMessages(parameters: {
        session_id: string;
        cursor?: string;
        limit?: number;
    }, options?: Options): Promise<schema.MessageList>;
    /**
     * The pages of `listMessages`, one after the other.
     *
     * @param {{ session_id: string, limit?: number }} parameters
     * @param {Options} [options]
     * @returns {AsyncGenerator<schema.MessageList, void, undefined>}
     */
    iterateMessagesPages(parameters: {
        session_id: string;
        limit?: number;
    }, options?: Options): AsyncGenerator<schema.MessageList, void, undefined>;
    /**
     * What `listMessages` lists, one after the other, page by page.
     *
     * @param {{ session_id: string, limit?: number }} parameters
     * @param {Options} [options]
     * @returns {AsyncGenerator<schema.Message, void, undefined>}
     */
    iterateMessages(parameters: {
        session_id: string;
        limit?: number;
    }, options?: Options): AsyncGenerator<schema.Message, void, undefined>;
    /**
     * List model access. Sorted by model, in pages.
     *
     * @param {{ active?: boolean, cursor?: string, limit?: number, tier?: "free" | "pro" | "enterprise" | "admin" }}
     * [parameters]
     * @param {Options} [options]
     * @returns {Promise<schema.AdminModelList>}
     */
    listModelAccess(parameters?: {
        active?: boolean;
        cursor?: string;
        limit?: number;
        tier?: "free" | "pro" | "enterprise" | "admin";
    }, options?: Options): Promise<schema.AdminModelList>;
    /**
     * The pages of `listModelAccess`, one after the other.
     *
     * @param {{ active?: boolean, limit?: number, tier?: "free" | "pro" | "enterprise" | "admin" }} [parameters]
     * @param {Options} [options]
     * @returns {AsyncGenerator<schema.AdminModelList, void, undefined>}
     */
    iterateModelAccessPages(parameters?: {
        active?: boolean;
        limit?: number;
        tier?: "free" | "pro" | "enterprise" | "admin";
    }, options?: Options): AsyncGenerator<schema.AdminModelList, void, undefined>;
    /**
     * What `listModelAccess` lists, one after the other, page by page.
     *
     * @param {{ active?: boolean, limit?: number, tier?: "free" | "pro" | "enterprise" | "admin" }} [parameters]
     * @param {Options} [options]
     * @returns {AsyncGenerator<schema.AdminModel, void, undefined>}
     */
    iterateModelAccess(parameters?: {
        active?: boolean;
        limit?: number;
        tier?: "free" | "pro" | "enterprise" | "admin";
    }, options?: Options): AsyncGenerator<schema.AdminModel, void, undefined>;
    /**
     * List the models. Those that the caller's tier opens, the default first, with prices and what is left of their
     * limits.
     *
     * @param {Options} [options]
     * @returns {Promise<schema.ModelList>}
     */
    listModels(options?: Options): Promise<schema.ModelList>;
    /**
     * List the models. OpenAI's `GET /v1/models`: those that the caller's tier opens.
     *
     * @param {Options} [options]
     * @returns {Promise<schema.OpenAiModelList>}
     */
    listOpenAiModels(options?: Options): Promise<schema.OpenAiModelList>;
    /**
     * List the sessions. Newest `updated_at` first. Complete up to 10000 sessions; with `limit` in pages of that
     * size, each with the cursor of the next.
     *
     * @param {{ cursor?: string, limit?: number }} [parameters]
     * @param {Options} [options]
     * @returns {Promise<schema.SessionList>}
     */
    listSessions(parameters?: {
        cursor?: string;
        limit?: number;
    }, options?: Options): Promise<schema.SessionList>;
    /**
     * The pages of `listSessions`, one after the other.
     *
     * @param {{ limit?: number }} [parameters]
     * @param {Options} [options]
     * @returns {AsyncGenerator<schema.SessionList, void, undefined>}
     */
    iterateSessionsPages(parameters?: {
        limit?: number;
    }, options?: Options): AsyncGenerator<schema.SessionList, void, undefined>;
    /**
     * What `listSessions` lists, one after the other, page by page.
     *
     * @param {{ limit?: number }} [parameters]
     * @param {Options} [options]
     * @returns {AsyncGenerator<schema.Session, void, undefined>}
     */
    iterateSessions(parameters?: {
        limit?: number;
    }, options?: Options): AsyncGenerator<schema.Session, void, undefined>;
    /**
     * Read the daily figures of the system. The retention job writes them once a day.
     *
     * @param {{ from?: string, to?: string }} [parameters]
     * @param {Options} [options]
     * @returns {Promise<schema.SystemStats>}
     */
    listSystemStats(parameters?: {
        from?: string;
        to?: string;
    }, options?: Options): Promise<schema.SystemStats>;
    /**
     * List users. Sorted by e-mail address, in pages.
     *
     * @param {{ cursor?: string, email?: string, limit?: number, tier?: "free" | "pro" | "enterprise" | "admin" }}
     * [parameters]
     * @param {Options} [options]
     * @returns {Promise<schema.AdminUserList>}
     */
    listUsers(parameters?: {
        cursor?: string;
        email?: string;
        limit?: number;
        tier?: "free" | "pro" | "enterprise" | "admin";
    }, options?: Options): Promise<schema.AdminUserList>;
    /**
     * The pages of `listUsers`, one after the other.
     *
     * @param {{ email?: string, limit?: number, tier?: "free" | "pro" | "enterprise" | "admin" }} [parameters]
     * @param {Options} [options]
     * @returns {AsyncGenerator<schema.AdminUserList, void, undefined>}
     */
    iterateUsersPages(parameters?: {
        email?: string;
        limit?: number;
        tier?: "free" | "pro" | "enterprise" | "admin";
    }, options?: Options): AsyncGenerator<schema.AdminUserList, void, undefined>;
    /**
     * What `listUsers` lists, one after the other, page by page.
     *
     * @param {{ email?: string, limit?: number, tier?: "free" | "pro" | "enterprise" | "admin" }} [parameters]
     * @param {Options} [options]
     * @returns {AsyncGenerator<schema.AdminUser, void, undefined>}
     */
    iterateUsers(parameters?: {
        email?: string;
        limit?: number;
        tier?: "free" | "pro" | "enterprise" | "admin";
    }, options?: Options): AsyncGenerator<schema.AdminUser, void, undefined>;
    /**
     * Refresh the profile. Updates e-mail address, name and picture to what the authentication service has stored
     * for the user.
     *
     * @param {Options} [options]
     * @returns {Promise<schema.Synced>}
     */
    refreshProfile(options?: Options): Promise<schema.Synced>;
    /**
     * Change the title of a session.
     *
     * @param {schema.SessionTitle} body
     * @param {Options} [options]
     * @returns {Promise<schema.SessionAnswer>}
     */
    renameSession(body: schema.SessionTitle, options?: Options): Promise<schema.SessionAnswer>;
    /**
     * Change the title of a session. `PATCH /api/chat/sessions` under its older name.
     *
     * @param {schema.SessionTitle} body
     * @param {Options} [options]
     * @returns {Promise<schema.SessionAnswer>}
     */
    renameSessionByPost(body: schema.SessionTitle, options?: Options): Promise<schema.SessionAnswer>;
    /**
     * Run the retention now. The response comes when everything is deleted, which may take minutes. The run
     * continues if the client disconnects.
     *
     * @param {schema.Cleanup} body
     * @param {Options} [options]
     * @returns {Promise<schema.CleanedUp>}
     */
    runCleanup(body: schema.Cleanup, options?: Options): Promise<schema.CleanedUp>;
    /**
     * Sign in. Creates or refreshes the user from the verified claims `email`, `user_metadata.full_name` and
     * `user_metadata.avatar_url`. With Supabase Auth there is no need to call it; with any other issuer a user who
     * never called it is created by their first write.
     *
     * @param {Options} [options]
     * @returns {Promise<schema.Profile>}
     */
    signIn(options?: Options): Promise<schema.Profile>;
    /**
     * Store a message. The same message again changes and counts nothing; other content under the same id corrects
     * the message.
     *
     * @param {schema.NewMessage} body
     * @param {Options} [options]
     * @returns {Promise<schema.StoredMessage>}
     */
    storeMessage(body: schema.NewMessage, options?: Options): Promise<schema.StoredMessage>;
    /**
     * Change the content of a message. What was counted for it stays as it is.
     *
     * @param {string} id
     * @param {schema.MessageChange} body
     * @param {Options} [options]
     * @returns {Promise<schema.StoredMessage>}
     */
    updateMessage(id: string, body: schema.MessageChange, options?: Options): Promise<schema.StoredMessage>;
    /**
     * Change prices, limits or descriptions. What the body does not name stays as it is. Usage that has been
     * recorded keeps its cost.
     *
     * @param {string} id
     * @param {schema.ModelAccessChange} body
     * @param {Options} [options]
     * @returns {Promise<schema.AdminModel>}
     */
    updateModelAccess(id: string, body: schema.ModelAccessChange, options?: Options): Promise<schema.AdminModel>;
    /**
     * Change preferences. Each section is merged into what is stored: objects key by key, anything else replaces.
     * Devices that change other keys at the same time keep each other's changes. A section has at most 16 KiB.
     * Unknown fields are refused.
     *
     * @param {schema.UserDataChange} body
     * @param {Options} [options]
     * @returns {Promise<schema.UserData>}
     */
    updatePreferences(body: schema.UserDataChange, options?: Options): Promise<schema.UserData>;
    /**
     * Change a user's tier or credits.
     *
     * @param {string} id
     * @param {schema.UserChange} body
     * @param {Options} [options]
     * @returns {Promise<schema.AdminUserChanged>}
     */
    updateUser(id: string, body: schema.UserChange, options?: Options): Promise<schema.AdminUserChanged>;
    /**
     * Upload conversations. New messages are stored, changed ones corrected, the same ones left alone, so an upload
     * can be sent again. A conversation that is new keeps its times; one that did not change is not touched. A bad
     * conversation is reported in `details` and the others are stored.
     *
     * @param {schema.SyncRequest} body
     * @param {Options} [options]
     * @returns {Promise<schema.SyncUpload>}
     */
    uploadConversations(body: schema.SyncRequest, options?: Options): Promise<schema.SyncUpload>;
}
