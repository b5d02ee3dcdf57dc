/// Training on many machines with MPI. Needs its header and library (Debian: libopenmpi-dev or libmpich-dev; CMake:
/// MPI::MPI_CXX), and so no other header includes this one.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <thread>

#define OMPI_SKIP_MPICXX 1
#define MPICH_SKIP_MPICXX 1
#include <mpi.h>

#include <deeprec/training/world.hpp>

DEEPREC_BEGIN
namespace mpi {

/// Of World: `mpi::World{{.timeout_seconds = 60}}`.
struct WorldOptions {
    MPI_Comm communicator = MPI_COMM_WORLD;  ///< the processes that train together
    /// How long a rank waits for another before it throws an error that names it. Longer than any rank computes, saves
    /// or validates between two steps: a rank that died is noticed by mpirun, which ends the others, in a second.
    double timeout_seconds = 600;
};

/// The processes that `mpirun` started: `fit(model, data, loss, optimizer, {.world = mpi::World{}})`, or of another
/// communicator. Starts MPI unless the program has, and then ends it with the program; its calls come from one thread.
///
/// Sums go round a ring in N parts, first added up, then handed on: each rank sends 2 (N - 1) / N of the numbers, to
/// the next rank alone, and the order of every sum is that of the ring. Gathered bytes go round as they are, exchanged
/// ones straight to their rank. `bytes_sent()` counts all. Throws Error where MPI reports one or a rank does not answer
/// in time, with the number of that rank.
class World final : public TrainingWorld {
public:
    explicit World(WorldOptions options = {}) : options_(options), shared_(std::make_shared<Shared>(options)) {
        MPI_Comm_rank(shared_->communicator, &rank_);
        MPI_Comm_size(shared_->communicator, &size_);
    }
    int rank() const override { return rank_; }
    int size() const override { return size_; }
    void sum(float* numbers, Index count) override { ring_sum(numbers, count); }
    /// The same of doubles.
    void sum(double* numbers, Index count) override { ring_sum(numbers, count); }
    std::vector<std::vector<std::byte>> gather(std::span<const std::byte> own) override {
        const auto n = static_cast<std::size_t>(size_);
        std::vector<std::vector<std::byte>> all(n);
        all[static_cast<std::size_t>(rank_)].assign(own.begin(), own.end());
        for (int step = 0; step + 1 < size_; ++step) {  // hand on what came last
            const auto& to_send = all[static_cast<std::size_t>((rank_ - step + size_) % size_)];
            auto& to_fill = all[static_cast<std::size_t>((rank_ - step - 1 + size_) % size_)];
            std::uint64_t sent = to_send.size(), received = 0;
            pass_on(&sent, sizeof sent, &received, sizeof received);
            to_fill.resize(received);
            pass_on(to_send.data(), to_send.size(), to_fill.data(), to_fill.size());
        }
        return all;
    }
    std::vector<std::vector<std::byte>> exchange(std::vector<std::vector<std::byte>> give) override {
        std::vector<std::vector<std::byte>> got(static_cast<std::size_t>(size_));
        got[static_cast<std::size_t>(rank_)] = std::move(give.at(static_cast<std::size_t>(rank_)));
        for (int step = 1; step < size_; ++step) {  // with every other rank once
            const int to = (rank_ + step) % size_, from = (rank_ + size_ - step) % size_;
            const auto& to_send = give.at(static_cast<std::size_t>(to));
            auto& to_fill = got[static_cast<std::size_t>(from)];
            std::uint64_t sent = to_send.size(), received = 0;
            transfer(to, &sent, sizeof sent, from, &received, sizeof received);
            to_fill.resize(received);
            transfer(to, to_send.data(), to_send.size(), from, to_fill.data(), to_fill.size());
        }
        return got;
    }
    /// From here on the process ends without MPI_Finalize, which would wait: mpirun then ends the others.
    void leave() override { failed() = true; }
    /// By this rank, in all sums, gathers and exchanges; copies of a World count together.
    std::uint64_t bytes_sent() const { return shared_->sent; }

private:
    struct Shared {
        explicit Shared(const WorldOptions& options) {
            int started = 0;
            MPI_Initialized(&started);
            if (!started) {
                int provided = 0;
                MPI_Init_thread(nullptr, nullptr, MPI_THREAD_FUNNELED, &provided);
                static const Finalizer at_exit;
            }
            if (MPI_Comm_dup(options.communicator, &communicator) != MPI_SUCCESS)
                throw Error("mpi::World: cannot copy the communicator");
            MPI_Comm_set_errhandler(communicator, MPI_ERRORS_RETURN);
        }
        Shared(const Shared&) = delete;
        Shared& operator=(const Shared&) = delete;
        ~Shared() {
            int over = 0;
            MPI_Finalized(&over);
            if (!over && !failed()) MPI_Comm_free(&communicator);
        }
        MPI_Comm communicator = MPI_COMM_NULL;
        std::uint64_t sent = 0;
    };
    struct Finalizer {
        ~Finalizer() {
            int over = 0;
            MPI_Finalized(&over);
            if (!over && !failed()) MPI_Finalize();  // would wait for ranks that are gone
        }
    };
    static bool& failed() {
        static bool value = false;
        return value;
    }

    template <class T>
    void ring_sum(T* numbers, Index count) {
        const auto begin = [&](int part) { return count * part / size_; };
        const auto part_of = [&](int step) { return ((rank_ - step) % size_ + size_) % size_; };
        const auto bytes = [&](int part) {
            return static_cast<std::size_t>(begin(part + 1) - begin(part)) * sizeof(T);
        };
        std::vector<T> arrived(static_cast<std::size_t>(count / size_ + 1));
        for (int step = 0; step + 1 < size_; ++step) {  // then this rank has the sum of part rank + 1
            const int give = part_of(step), take = part_of(step + 1);
            pass_on(numbers + begin(give), bytes(give), arrived.data(), bytes(take));
            for (Index i = 0; i < begin(take + 1) - begin(take); ++i)
                numbers[begin(take) + i] += arrived[static_cast<std::size_t>(i)];
        }
        for (int step = 0; step + 1 < size_; ++step) {
            const int give = part_of(step - 1), take = part_of(step);
            pass_on(numbers + begin(give), bytes(give), numbers + begin(take), bytes(take));
        }
    }
    /// Sends to the next rank while the one before sends.
    void pass_on(const void* send, std::size_t send_bytes, void* receive, std::size_t receive_bytes) {
        transfer((rank_ + 1) % size_, send, send_bytes, (rank_ + size_ - 1) % size_, receive, receive_bytes);
    }
    /// Sends to one rank while another sends.
    void transfer(int next, const void* send, std::size_t send_bytes, int before, void* receive,
                  std::size_t receive_bytes) {
        constexpr std::size_t most = std::size_t{1} << 30;  // MPI counts in int
        const auto piece = [&](std::size_t all, std::size_t at) { return static_cast<int>(std::min(most, all - at)); };
        for (std::size_t at = 0; at < std::max(send_bytes, receive_bytes); at += most) {
            MPI_Request coming = MPI_REQUEST_NULL, going = MPI_REQUEST_NULL;
            if (at < receive_bytes)
                check(MPI_Irecv(static_cast<char*>(receive) + at, piece(receive_bytes, at), MPI_BYTE, before, 0,
                                shared_->communicator, &coming),
                      before);
            if (at < send_bytes)
                check(MPI_Isend(static_cast<const char*>(send) + at, piece(send_bytes, at), MPI_BYTE, next, 0,
                                shared_->communicator, &going),
                      next);
            wait(coming, before);
            wait(going, next);
        }
        shared_->sent += send_bytes;
    }
    void wait(MPI_Request& request, int other) {
        const auto start = std::chrono::steady_clock::now();
        for (Index tries = 0;; ++tries) {
            int done = 0;
            check(MPI_Test(&request, &done, MPI_STATUS_IGNORE), other);
            if (done) return;
            if (tries > 2000) std::this_thread::sleep_for(std::chrono::microseconds(50));
            if (tries % 256 == 255 && std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() >
                                          options_.timeout_seconds)
                fail(other, message("did not answer for ", options_.timeout_seconds, " s"));
        }
    }
    void check(int code, int other) {
        if (code == MPI_SUCCESS) return;
        char text[MPI_MAX_ERROR_STRING] = "";
        int length = 0;
        MPI_Error_string(code, text, &length);
        fail(other, text);
    }
    [[noreturn]] void fail(int other, const std::string& why) {
        failed() = true;
        throw Error(message("mpi::World: rank ", rank_, " of ", size_, " lost rank ", other, ": ", why));
    }

    WorldOptions options_;
    std::shared_ptr<Shared> shared_;
    int rank_ = 0, size_ = 1;
};

}  // namespace mpi
DEEPREC_END
