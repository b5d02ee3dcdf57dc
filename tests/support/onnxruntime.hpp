/// ONNX Runtime for tests, through its C interface, where somebody has the library: DEEPREC_ONNXRUNTIME names the file,
/// else it is looked for where `./dev bench --peers` puts it. npm's package onnxruntime-node has the library without
/// headers, so functions are reached by their place in the table, which never changes.
#pragma once

#include <dlfcn.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

#include <deeprec/core/tensor.hpp>

namespace support {

/// Runs files. Errors of the runtime are thrown as std::runtime_error.
class OnnxRuntime {
public:
    using Index = deeprec::Index;
    struct Output {
        std::vector<std::int64_t> shape;
        std::vector<float> values;
    };

    /// The one of this program; null, after saying loudly what is skipped, where there is no library.
    static const OnnxRuntime* find(const char* skipped) {
        static const std::string library = path();
        if (library.empty()) {
            std::printf(
                "SKIPPED: %s, because there is no ONNX Runtime (set DEEPREC_ONNXRUNTIME to libonnxruntime.so, or "
                "run ./dev bench --peers once)\n",
                skipped);
            return nullptr;
        }
        static const OnnxRuntime runtime(library);
        return &runtime;
    }

    /// A file with its inputs: `session.input("x", tensor)`, then `session.run("y")`.
    class Session {
    public:
        Session(const OnnxRuntime& runtime, const std::string& model) : runtime_(runtime) {
            void* options = nullptr;
            runtime.call(create_options, &options);
            runtime.call(set_threads, options, 1);
            runtime.call(create_session_from_array, runtime.env_, model.data(), model.size(), options, &session_);
            runtime.function<void>(release_options, options);
        }
        ~Session() {
            for (void* tensor : tensors_) runtime_.function<void>(release_value, tensor);
            if (session_) runtime_.function<void>(release_session, session_);
        }
        Session(const Session&) = delete;
        Session& operator=(const Session&) = delete;

        /// The tensor must stay until `run`.
        template <class T, int Rank>
        Session& input(const char* name, const deeprec::Tensor<T, Rank>& x) {
            std::vector<std::int64_t> dims;
            for (int axis = 0; axis < Rank; ++axis) dims.push_back(x.dimension(axis));
            void* tensor = nullptr;
            runtime_.call(create_tensor, runtime_.memory_, const_cast<void*>(static_cast<const void*>(x.data())),
                          static_cast<std::size_t>(x.size()) * sizeof(T), static_cast<const std::int64_t*>(dims.data()),
                          dims.size(), int{std::is_same_v<T, float> ? 1 : 6}, &tensor);
            tensors_.push_back(tensor);
            names_.push_back(name);
            return *this;
        }
        Output run(const char* output) const {
            void *y = nullptr, *data = nullptr, *info = nullptr;
            runtime_.call(run_session, session_, static_cast<void*>(nullptr), names_.data(), tensors_.data(),
                          names_.size(), &output, std::size_t{1}, &y);
            Output result;
            std::size_t rank = 0, size = 0;
            runtime_.call(shape_of, y, &info);
            runtime_.call(rank_of, info, &rank);
            result.shape.resize(rank);
            runtime_.call(dims_of, info, result.shape.data(), rank);
            runtime_.call(size_of, info, &size);
            runtime_.call(tensor_data, y, &data);
            const auto* from = static_cast<const float*>(data);
            result.values.assign(from, from + size);
            runtime_.function<void>(release_info, info);
            runtime_.function<void>(release_value, y);
            return result;
        }

    private:
        const OnnxRuntime& runtime_;
        void* session_ = nullptr;
        std::vector<void*> tensors_;
        std::vector<const char*> names_;
    };

private:
    enum Place {
        error_message = 2,
        create_env = 3,
        create_session_from_array = 8,
        run_session = 9,
        create_options = 10,
        set_threads = 24,
        create_tensor = 49,
        tensor_data = 51,
        rank_of = 61,
        dims_of = 62,
        size_of = 64,
        shape_of = 65,
        create_memory_info = 69,
        release_status = 93,
        release_session = 95,
        release_value = 96,
        release_info = 99,
        release_options = 100,
    };

    explicit OnnxRuntime(const std::string& library) {
        void* const handle = dlopen(library.c_str(), RTLD_NOW);
        if (!handle) throw std::runtime_error(dlerror());
        struct Base {
            const void* const* (*table)(std::uint32_t);
            const char* (*version)();
        };
        const auto base = reinterpret_cast<const Base* (*)()>(dlsym(handle, "OrtGetApiBase"));
        if (!base || !(table_ = base()->table(16)))
            throw std::runtime_error("no ONNX Runtime of version 1.16 or later");
        call(create_env, 3, "deeprec", &env_);  // 3: errors alone are logged
        call(create_memory_info, 0, 0, &memory_);
    }
    static std::string path() {
        if (const char* named = std::getenv("DEEPREC_ONNXRUNTIME")) return named;
        const std::filesystem::path root = DEEPREC_SOURCE_DIR "/build/peers/packages";
#ifdef __aarch64__
        const std::string folder = "/linux/arm64/";
#else
        const std::string folder = "/linux/x64/";
#endif
        std::error_code none;
        for (std::filesystem::recursive_directory_iterator at(root, none), end; !none && at != end; at.increment(none))
            if (at->path().string().find(folder + "libonnxruntime.so") != std::string::npos) return at->path().string();
        return "";
    }
    template <class R = void*, class... Arguments>
    R function(Place place, Arguments... arguments) const {
        return reinterpret_cast<R (*)(Arguments...)>(const_cast<void*>(table_[place]))(arguments...);
    }
    /// For functions that return a status.
    template <class... Arguments>
    void call(Place place, Arguments... arguments) const {
        void* const status = function(place, arguments...);
        if (!status) return;
        const std::string text = function<const char*>(error_message, status);
        function<void>(release_status, status);
        throw std::runtime_error(text);
    }

    const void* const* table_ = nullptr;
    void *env_ = nullptr, *memory_ = nullptr;
};

}  // namespace support
