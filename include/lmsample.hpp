// lmsample.hpp - the C library in C++11 and later: objects that destroy what they own, calls that
// throw, spans for arrays. Nothing else is here: records, constants and what they mean are C's.
//
//     lmsample::context context("");               // or a part of a device's name
//     lmsample::sampler sampler(context, desc);    // an lms_sampler_desc
//     sampler.sample(logits, params, tokens);      // std::vectors, arrays, spans
//
// Objects can be moved, not copied. One that owns nothing is false, and its calls are refused as
// those of NULL are. A context must outlive what is made of it, and slots what is made with them,
// as in C: members and locals, in that order, do.
//
// Errors      A call that fails throws lmsample::error, which has the status and the message. With
//             LMSAMPLE_EXCEPTIONS 0, which is the default where a compiler is told
//             -fno-exceptions, it returns the status instead; a constructor leaves an object that
//             is false; lmsample::message() has the message. Calls return LMS_OK in either case.
// Threads     As in lmsample.h.
#ifndef LMSAMPLE_HPP
#define LMSAMPLE_HPP

#include "lmsample.h"

#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>
#if __cplusplus >= 202002L
#include <span>
#endif

#ifndef LMSAMPLE_EXCEPTIONS
#if defined(__cpp_exceptions) || defined(__EXCEPTIONS) || defined(_CPPUNWIND)
#define LMSAMPLE_EXCEPTIONS 1
#else
#define LMSAMPLE_EXCEPTIONS 0
#endif
#endif
#if LMSAMPLE_EXCEPTIONS
#include <stdexcept>
#include <string>
#define LMSAMPLE_NAMES throwing
#define LMSAMPLE_STATUS lms_status
#elif defined(__GNUC__)
#define LMSAMPLE_NAMES returning
#define LMSAMPLE_STATUS __attribute__((warn_unused_result)) lms_status
#else
#define LMSAMPLE_NAMES returning
#define LMSAMPLE_STATUS lms_status
#endif

namespace lmsample
{
// Files of one program may be compiled with exceptions and without: a linker would take the
// functions of one of them for both, if they had the same names.
inline namespace LMSAMPLE_NAMES
{

// --- Errors --------------------------------------------------------------------------------

#if LMSAMPLE_EXCEPTIONS
class error : public std::runtime_error
{
  public:
    error(lms_status status, const char *what) : std::runtime_error(what), status_(status) {}
    lms_status status() const noexcept { return status_; }

  private:
    lms_status status_;
};
#endif

namespace detail
{

// What this header has said of the thread's last call that failed; nullptr: the library did.
inline const char *&own_message() noexcept
{
    static thread_local const char *text = nullptr;
    return text;
}

inline lms_status done(lms_status status, const char *text = nullptr)
{
    if (status == LMS_OK) return status;
    own_message() = text;
#if LMSAMPLE_EXCEPTIONS
    const char *const own = text != nullptr ? text : lms_error_message();
    throw error(status, own[0] != '\0' ? own : lms_status_text(status));
#else
    return status;
#endif
}

// For numbers of C's: what does not fit is too many there, too.
inline std::uint32_t narrow(std::size_t count) noexcept
{
    return count > UINT32_MAX ? UINT32_MAX : static_cast<std::uint32_t>(count);
}

} // namespace detail

// As lms_error_message().
inline const char *message() noexcept
{
    return detail::own_message() != nullptr ? detail::own_message() : lms_error_message();
}

// --- Spans ---------------------------------------------------------------------------------

#if __cplusplus >= 202002L
template <typename T> using span = std::span<T>;
#else
// What std::span is, as far as calls need it: from a pointer and a size, from an array, and from
// what has data() and size().
template <typename T> class span
{
  public:
    span() noexcept : data_(nullptr), size_(0) {}
    span(T *data, std::size_t size) noexcept : data_(data), size_(size) {}
    template <std::size_t N> span(T (&array)[N]) noexcept : data_(array), size_(N) {}
    template <typename Container,
              typename = typename std::enable_if<std::is_convertible<
                  decltype(std::declval<Container &>().data()), T *>::value>::type>
    span(Container &&container) noexcept : data_(container.data()), size_(container.size())
    {
    }
    T *data() const noexcept { return data_; }
    std::size_t size() const noexcept { return size_; }
    bool empty() const noexcept { return size_ == 0; }
    T *begin() const noexcept { return data_; }
    T *end() const noexcept { return data_ + size_; }
    T &operator[](std::size_t i) const noexcept { return data_[i]; }

  private:
    T *data_;
    std::size_t size_;
};
#endif

// --- Objects -------------------------------------------------------------------------------

template <typename T, void (*destroy)(T *)> class handle
{
  public:
    handle() noexcept : object_(nullptr) {}
    handle(handle &&other) noexcept : object_(other.release()) {}
    handle &operator=(handle &&other) noexcept
    {
        if (this != &other) reset(other.release());
        return *this;
    }
    handle(const handle &) = delete;
    handle &operator=(const handle &) = delete;
    ~handle() { destroy(object_); }

    T *get() const noexcept { return object_; }
    explicit operator bool() const noexcept { return object_ != nullptr; }
    // Gives it to the caller, who destroys it then; takes one from the caller.
    T *release() noexcept
    {
        T *const object = object_;
        object_ = nullptr;
        return object;
    }
    void reset(T *object = nullptr) noexcept
    {
        destroy(object_);
        object_ = object;
    }

  protected:
    // The end of a call that has made `object`, or NULL.
    lms_status own(lms_status status, T *object)
    {
        if (status == LMS_OK) reset(object);
        return detail::done(status);
    }

  private:
    T *object_;
};

class context : public handle<lms_context, lms_context_destroy>
{
  public:
    context() noexcept {}
    // "" or nullptr: a GPU if there is one, else an accelerator, else a CPU.
    explicit context(const char *device)
    {
        lms_context *made = nullptr;
        const lms_status status = lms_context_open(device, &made);
        static_cast<void>(own(status, made));
    }
    context(cl_context theirs, cl_device_id device)
    {
        lms_context *made = nullptr;
        const lms_status status = lms_context_create(theirs, device, &made);
        static_cast<void>(own(status, made));
    }
    cl_context opencl() const noexcept { return lms_context_cl_context(get()); }
    cl_device_id device() const noexcept { return lms_context_device(get()); }
    cl_command_queue queue() const noexcept { return lms_context_queue(get()); }
    const char *log() const noexcept { return lms_context_log(get()); }
};

// Where a call on buffers is enqueued, and what it waits for.
struct where {
    cl_command_queue queue;
    span<const cl_event> wait_list;
    cl_event *event; // nullptr, or where the call's goes, which the caller releases

    where(cl_command_queue on, span<const cl_event> wait = span<const cl_event>(),
          cl_event *out = nullptr)
        : queue(on), wait_list(wait), event(out)
    {
    }
    where(const context &on) : queue(on.queue()), wait_list(), event(nullptr) {}
    cl_uint count() const noexcept { return static_cast<cl_uint>(wait_list.size()); }
    const cl_event *events() const noexcept
    {
        return wait_list.empty() ? nullptr : wait_list.data();
    }
};

class slots : public handle<lms_slots, lms_slots_destroy>
{
  public:
    slots() noexcept {}
    slots(const context &ctx, const lms_slots_desc &desc)
    {
        lms_slots *made = nullptr;
        const lms_status status = lms_slots_create(ctx.get(), &desc, &made);
        static_cast<void>(own(status, made));
    }
    std::size_t workspace() const noexcept { return lms_slots_workspace(get()); }

    LMSAMPLE_STATUS open(const lms_slots_open_args &args)
    {
        return detail::done(lms_slots_open_host(get(), &args));
    }
    LMSAMPLE_STATUS append(const lms_slots_append_host_args &args)
    {
        return detail::done(lms_slots_append_host(get(), &args));
    }
    LMSAMPLE_STATUS roll_back(span<const std::uint64_t> names,
                              span<const std::uint32_t> lengths)
    {
        if (lengths.size() != names.size())
            return unequal("lengths: must be one for each name");
        return detail::done(lms_slots_roll_back_host(get(), detail::narrow(names.size()),
                                                     names.data(), lengths.data()));
    }
    LMSAMPLE_STATUS fork(span<const std::uint64_t> from, span<std::uint64_t> names)
    {
        if (from.size() != names.size()) return unequal("names: must be one for each of from");
        return detail::done(lms_slots_fork_host(get(), detail::narrow(names.size()),
                                                from.data(), names.data()));
    }
    LMSAMPLE_STATUS reorder(span<const std::uint64_t> names, span<const std::int32_t> parents,
                            std::int32_t first = 0)
    {
        if (parents.size() != names.size())
            return unequal("parents: must be one for each name");
        return detail::done(lms_slots_reorder_host(get(), detail::narrow(names.size()),
                                                   names.data(), parents.data(), first));
    }

    LMSAMPLE_STATUS open(const where &w, const lms_slots_open_args &args)
    {
        return detail::done(
            lms_slots_open(get(), w.queue, &args, w.count(), w.events(), w.event));
    }
    LMSAMPLE_STATUS append(const where &w, const lms_slots_append_args &args)
    {
        return detail::done(
            lms_slots_append(get(), w.queue, &args, w.count(), w.events(), w.event));
    }
    LMSAMPLE_STATUS reorder(const where &w, span<const std::uint64_t> names, lms_view parents,
                            std::int32_t first = 0)
    {
        return detail::done(lms_slots_reorder(get(), w.queue, detail::narrow(names.size()),
                                              names.data(), parents, first, w.count(),
                                              w.events(), w.event));
    }

    LMSAMPLE_STATUS close(std::uint64_t name)
    {
        return detail::done(lms_slots_close(get(), name));
    }
    LMSAMPLE_STATUS length(std::uint64_t name, std::uint32_t &out) const
    {
        return detail::done(lms_slots_length(get(), name, &out));
    }
    std::uint64_t room() const noexcept { return lms_slots_room(get()); }
    // lms_slots_export: `tokens` may be empty, to ask for the two numbers alone.
    LMSAMPLE_STATUS read(std::uint64_t name, span<std::int32_t> tokens, std::uint32_t &length,
                         std::uint32_t *prompt = nullptr)
    {
        return detail::done(lms_slots_export(get(), name, tokens.data(),
                                             detail::narrow(tokens.size()), &length, prompt));
    }

  private:
    static lms_status unequal(const char *text) { return detail::done(LMS_E_ARGUMENT, text); }
};

class sampler : public handle<lms_sampler, lms_sampler_destroy>
{
  public:
    sampler() noexcept : desc_() {}
    sampler(const context &ctx, const lms_sampler_desc &desc) : desc_(desc)
    {
        lms_sampler *made = nullptr;
        const lms_status status = lms_sampler_create(ctx.get(), &desc, &made);
        static_cast<void>(own(status, made));
    }
    std::size_t workspace() const noexcept { return lms_sampler_workspace(get()); }

    LMSAMPLE_STATUS run(const where &w, const lms_sampler_run_args &batch)
    {
        return detail::done(
            lms_sampler_run(get(), w.queue, &batch, w.count(), w.events(), w.event));
    }
    LMSAMPLE_STATUS sample(const lms_sample_host_args &batch)
    {
        return detail::done(lms_sample_host(get(), &batch));
    }
    // A row of logits for each of params, and a token of each: logits are float, or 16-bit words
    // of either other type, tokens std::int32_t or std::int64_t, as the sampler's.
    template <typename Logits, typename Tokens>
    LMSAMPLE_STATUS sample(const Logits &logits, span<const lms_row_params> params,
                           Tokens &&tokens)
    {
        using logit = typename std::remove_reference<decltype(logits[0])>::type;
        using token = typename std::remove_reference<decltype(tokens[0])>::type;
        const bool is_float = sizeof(logit) == 4;
        const bool is_wide = desc_.tokens == LMS_INT64;
        static_assert(std::is_same<typename std::remove_cv<logit>::type, float>::value ||
                          sizeof(logit) == 2,
                      "float, or words of 16 bits");
        static_assert(std::is_same<token, std::int32_t>::value ||
                          std::is_same<token, std::int64_t>::value,
                      "std::int32_t or std::int64_t");
        const span<const logit> rows(logits);
        const span<token> out(tokens);
        if (is_float != (desc_.logits == LMS_FLOAT32) || is_wide != (sizeof(token) == 8)) {
            return detail::done(LMS_E_ARGUMENT,
                                "logits, tokens: must be of the sampler's types");
        }
        if (rows.size() / (desc_.vocab != 0 ? desc_.vocab : 1) < params.size()) {
            return detail::done(LMS_E_ARGUMENT, "logits: must have a row for each of params");
        }
        if (out.size() < params.size()) {
            return detail::done(LMS_E_ARGUMENT, "tokens: must have room for one of each row");
        }
        lms_sample_host_args batch = lms_sample_host_args();
        batch.rows = detail::narrow(params.size());
        batch.logits = rows.data();
        batch.params = params.data();
        batch.tokens = out.data();
        return sample(batch);
    }

  private:
    lms_sampler_desc desc_;
};

class beam : public handle<lms_beam, lms_beam_destroy>
{
  public:
    beam() noexcept {}
    beam(const context &ctx, const lms_beam_desc &desc)
    {
        lms_beam *made = nullptr;
        const lms_status status = lms_beam_create(ctx.get(), &desc, &made);
        static_cast<void>(own(status, made));
    }
    std::size_t workspace() const noexcept { return lms_beam_workspace(get()); }

    // params.end_tokens is set to what there are.
    LMSAMPLE_STATUS open(std::uint32_t slot, lms_beam_params params,
                         span<const std::int32_t> end_tokens = span<const std::int32_t>())
    {
        params.end_tokens = detail::narrow(end_tokens.size());
        return detail::done(lms_beam_open_host(get(), slot, &params, end_tokens.data()));
    }
    LMSAMPLE_STATUS step(const lms_beam_step_host_args &batch)
    {
        return detail::done(lms_beam_step_host(get(), &batch));
    }
    LMSAMPLE_STATUS results(const lms_beam_results_host_args &output)
    {
        return detail::done(lms_beam_results_host(get(), &output));
    }

    LMSAMPLE_STATUS open(const where &w, std::uint32_t slot, lms_beam_params params,
                         span<const std::int32_t> end_tokens = span<const std::int32_t>())
    {
        params.end_tokens = detail::narrow(end_tokens.size());
        return detail::done(lms_beam_open(get(), w.queue, slot, &params, end_tokens.data(),
                                          w.count(), w.events(), w.event));
    }
    LMSAMPLE_STATUS step(const where &w, const lms_beam_step_args &batch)
    {
        return detail::done(
            lms_beam_step(get(), w.queue, &batch, w.count(), w.events(), w.event));
    }
    LMSAMPLE_STATUS results(const where &w, const lms_beam_results_args &output)
    {
        return detail::done(
            lms_beam_results(get(), w.queue, &output, w.count(), w.events(), w.event));
    }

    LMSAMPLE_STATUS close(std::uint32_t slot)
    {
        return detail::done(lms_beam_close(get(), slot));
    }
};

class contrastive : public handle<lms_contrastive, lms_contrastive_destroy>
{
  public:
    contrastive() noexcept {}
    contrastive(const context &ctx, const lms_contrastive_desc &desc)
    {
        lms_contrastive *made = nullptr;
        const lms_status status = lms_contrastive_create(ctx.get(), &desc, &made);
        static_cast<void>(own(status, made));
    }
    std::size_t workspace() const noexcept { return lms_contrastive_workspace(get()); }

    LMSAMPLE_STATUS open(std::uint32_t slot, const lms_contrastive_params &params)
    {
        return detail::done(lms_contrastive_open(get(), slot, &params));
    }
    // params nullptr: those of `from`.
    LMSAMPLE_STATUS fork(std::uint32_t from, std::uint32_t to,
                         const lms_contrastive_params *params = nullptr)
    {
        return detail::done(lms_contrastive_fork_host(get(), from, to, params));
    }
    LMSAMPLE_STATUS update(std::uint32_t slot, const lms_contrastive_params &params)
    {
        return detail::done(lms_contrastive_update(get(), slot, &params));
    }
    LMSAMPLE_STATUS append(const lms_contrastive_append_host_args &states)
    {
        return detail::done(lms_contrastive_append_host(get(), &states));
    }
    LMSAMPLE_STATUS propose(const lms_contrastive_propose_host_args &proposal)
    {
        return detail::done(lms_contrastive_propose_host(get(), &proposal));
    }
    LMSAMPLE_STATUS select(const lms_contrastive_select_host_args &batch)
    {
        return detail::done(lms_contrastive_select_host(get(), &batch));
    }

    LMSAMPLE_STATUS fork(const where &w, std::uint32_t from, std::uint32_t to,
                         const lms_contrastive_params *params = nullptr)
    {
        return detail::done(lms_contrastive_fork(get(), w.queue, from, to, params, w.count(),
                                                 w.events(), w.event));
    }
    LMSAMPLE_STATUS append(const where &w, const lms_contrastive_append_args &states)
    {
        return detail::done(
            lms_contrastive_append(get(), w.queue, &states, w.count(), w.events(), w.event));
    }
    LMSAMPLE_STATUS propose(const where &w, const lms_contrastive_propose_args &proposal)
    {
        return detail::done(
            lms_contrastive_propose(get(), w.queue, &proposal, w.count(), w.events(), w.event));
    }
    LMSAMPLE_STATUS select(const where &w, const lms_contrastive_select_args &batch)
    {
        return detail::done(
            lms_contrastive_select(get(), w.queue, &batch, w.count(), w.events(), w.event));
    }

    LMSAMPLE_STATUS close(std::uint32_t slot)
    {
        return detail::done(lms_contrastive_close(get(), slot));
    }
    LMSAMPLE_STATUS length(std::uint32_t slot, std::uint32_t &out) const
    {
        return detail::done(lms_contrastive_length(get(), slot, &out));
    }
    std::uint64_t room() const noexcept { return lms_contrastive_room(get()); }
};

} // namespace LMSAMPLE_NAMES
} // namespace lmsample

#undef LMSAMPLE_NAMES
#undef LMSAMPLE_STATUS
#endif // LMSAMPLE_HPP
