/// What the CMake target deeprec::compiled has compiled once, for float and double: with DEEPREC_COMPILED, which the
/// target defines, deeprec.hpp includes this file last, and the compiler makes none of it again. Header-only programs
/// never see it. The list is the same for the library itself, src/compiled.cpp, which defines DEEPREC_COMPILED_HERE.
///
/// g++ makes functions that are defined in a class, are `inline` or return `auto` all the same, so what stands here is
/// defined outside. The architecture is part of the names: a program with other -m flags than the library's does not
/// link.
#pragma once

#include <deeprec/deeprec.hpp>

#ifdef DEEPREC_COMPILED_HERE
#define DEEPREC_ONCE template
#else
#define DEEPREC_ONCE extern template
#endif

DEEPREC_BEGIN

#define DEEPREC_ACTIVATION_ONCE(T, Act)                                                                                \
    DEEPREC_ONCE void activate<Act, T>(const T*, T*, Index, const Act&);                                               \
    DEEPREC_ONCE void activate_backward<Act, T>(const T*, const T*, T*, Index, const Act&);
#define DEEPREC_KERNELS_ONCE(T)                                                                                        \
    DEEPREC_ACTIVATION_ONCE(T, ReLU)                                                                                   \
    DEEPREC_ACTIVATION_ONCE(T, Sigmoid)                                                                                \
    DEEPREC_ACTIVATION_ONCE(T, Tanh)                                                                                   \
    DEEPREC_ACTIVATION_ONCE(T, Gelu)                                                                                   \
    DEEPREC_ACTIVATION_ONCE(T, Swish)                                                                                  \
    DEEPREC_ONCE void transpose<T>(const T*, Index, Index, Index, T*, Index);                                          \
    DEEPREC_ONCE void pack<T>(const T*, Index, Index, Index, T*);                                                      \
    DEEPREC_ONCE void pack_transposed<T>(const T*, Index, Index, Index, T*);                                           \
    DEEPREC_ONCE void gemm<T>(const Rows<T>&, const T*, Index, T*, Index, const Epilogue<T>&, bool);                   \
    DEEPREC_ONCE void gemm_tn<T>(const Rows<T>&, const Rows<T>&, T*, Index);                                           \
    DEEPREC_ONCE void winograd_pack<T>(const T*, Index, Index, Index, T*);                                             \
    DEEPREC_ONCE void winograd_convolution<T>(const ConvolutionShape&, const T*, const T*, T*, Buffer<T>&,             \
                                              const Epilogue<T>&);                                                     \
    DEEPREC_ONCE void winograd_kernel_gradient<T>(const ConvolutionShape&, const T*, const T*, Index, T*, Buffer<T>&); \
    DEEPREC_ONCE void max_pool<T>(const PoolWindows&, const T*, T*);                                                   \
    DEEPREC_ONCE void max_pool_backward<T>(const PoolWindows&, const T*, const T*, const T*, T*);                      \
    DEEPREC_ONCE void max_pool_backward_shared<T>(const PoolWindows&, const T*, const T*, const T*, T*);               \
    DEEPREC_ONCE void average_pool<T>(const PoolWindows&, const T*, T*);                                               \
    DEEPREC_ONCE void average_pool_backward<T>(const PoolWindows&, const T*, T*);                                      \
    DEEPREC_ONCE void masked_mean<T>(const T*, const std::uint8_t*, Index, Index, Index, T*);                          \
    DEEPREC_ONCE void masked_mean_backward<T>(const T*, const std::uint8_t*, Index, Index, Index, T*);                 \
    DEEPREC_ONCE void attention<T>(const AttentionShape&, const AttentionInput<T>&, T*, T*, T*);                       \
    DEEPREC_ONCE void attention_backward<T>(const AttentionShape&, const T*, const AttentionInput<T>&, const T*,       \
                                            const AttentionGradient<T>&, T*);                                          \
    DEEPREC_ONCE void layer_norm<T>(const T*, Index, Index, const NormParameters<T>&, T*, T*, T*);                     \
    DEEPREC_ONCE void layer_norm_backward<T>(const T*, const T*, Index, Index, const T*, const T*, const T*,           \
                                             const NormGradient<T>&);                                                  \
    DEEPREC_ONCE void add_tree<T>(T* const*, Index, Index, Index);                                                     \
    DEEPREC_ONCE void sum_rows<T>(const T*, Index, Index, Index, T*);                                                  \
    DEEPREC_ONCE void softmax_cross_entropy<T>(const CatalogueScores<T>&, T*, const CatalogueGradients<T>*,            \
                                               Buffer<T>&, ThreadPool*);                                               \
    DEEPREC_ONCE void lstm_pack<T>(const RecurrentWeights<T>&, Index, Index, T*);                                      \
    DEEPREC_ONCE void lstm_forward<Tanh, Sigmoid, T>(const RecurrentPass&, const T*, const RecurrentInput<T>&,         \
                                                     const RecurrentOutput<T>&, T*, T*, const Tanh&, const Sigmoid&);  \
    DEEPREC_ONCE void lstm_backward<Tanh, Sigmoid, T>(const RecurrentPass&, const T*, const RecurrentInput<T>&,        \
                                                      const T*, const RecurrentOutputGradient<T>&,                     \
                                                      const RecurrentGradient<T>&, T*, const Tanh&, const Sigmoid&);   \
    DEEPREC_ONCE void gru_pack<T>(const RecurrentWeights<T>&, Index, Index, bool, T*);                                 \
    DEEPREC_ONCE void gru_forward<Tanh, Sigmoid, T>(const RecurrentPass&, bool, const T*, const RecurrentInput<T>&,    \
                                                    const RecurrentOutput<T>&, T*, T*, const Tanh&, const Sigmoid&);   \
    DEEPREC_ONCE void gru_backward<Tanh, Sigmoid, T>(const RecurrentPass&, bool, const T*, const RecurrentInput<T>&,   \
                                                     const T*, const RecurrentOutputGradient<T>&,                      \
                                                     const RecurrentGradient<T>&, T*, const Tanh&, const Sigmoid&);    \
    DEEPREC_ONCE void simple_rnn_forward<Tanh, T>(const RecurrentPass&, const T*, const RecurrentInput<T>&,            \
                                                  const RecurrentOutput<T>&, T*, T*, const Tanh&);                     \
    DEEPREC_ONCE void simple_rnn_backward<Tanh, T>(const RecurrentPass&, const T*, const RecurrentInput<T>&, const T*, \
                                                   const RecurrentOutputGradient<T>&, const RecurrentGradient<T>&, T*, \
                                                   const Tanh&);

namespace kernels {
DEEPREC_KERNELS_ONCE(float)
DEEPREC_KERNELS_ONCE(double)
}  // namespace kernels

#define DEEPREC_OPTIMIZER_ONCE(Rule)                                                                                   \
    DEEPREC_ONCE Optimizer<Rule>::Optimizer(Rule::Options, TableStep);                                                 \
    DEEPREC_ONCE void Optimizer<Rule>::step<float>(const ParameterList<float>&, ThreadPool*);                          \
    DEEPREC_ONCE void Optimizer<Rule>::step<double>(const ParameterList<double>&, ThreadPool*);                        \
    DEEPREC_ONCE float* Optimizer<Rule>::state<float>(std::size_t, Index);                                             \
    DEEPREC_ONCE double* Optimizer<Rule>::state<double>(std::size_t, Index);

DEEPREC_OPTIMIZER_ONCE(AdadeltaRule)
DEEPREC_OPTIMIZER_ONCE(AdagradRule)
DEEPREC_OPTIMIZER_ONCE(AdamRule)
DEEPREC_OPTIMIZER_ONCE(AdamWRule)
DEEPREC_OPTIMIZER_ONCE(AdamaxRule)
DEEPREC_OPTIMIZER_ONCE(FtrlRule)
DEEPREC_OPTIMIZER_ONCE(LionRule)
DEEPREC_OPTIMIZER_ONCE(NadamRule)
DEEPREC_OPTIMIZER_ONCE(RadamRule)
DEEPREC_OPTIMIZER_ONCE(RmspropRule)
DEEPREC_OPTIMIZER_ONCE(SgdRule)

#define DEEPREC_TRAINING_ONCE(T)                                                                                       \
    DEEPREC_ONCE void size_gradients<T>(const ParameterList<T>&);                                                      \
    DEEPREC_ONCE void clear_gradients<T>(const ParameterList<T>&);                                                     \
    DEEPREC_ONCE void fill<T>(T*, const Shape&, const Initializer&, Seed, Index);                                      \
    DEEPREC_ONCE double gradient_norm<T>(const ParameterList<T>&, double);                                             \
    DEEPREC_ONCE class SparseRows<T>;                                                                                  \
    DEEPREC_ONCE void Fields<T>::add(const Option&);                                                                   \
    DEEPREC_ONCE Parameter<T>& Fields<T>::add(std::string_view, const Shape&, int);                                    \
    DEEPREC_ONCE Fields<T>::Place Fields<T>::enter(std::size_t, std::uint64_t, const About&);                          \
    DEEPREC_ONCE void Fields<T>::leave(const Place&);                                                                  \
    DEEPREC_ONCE void Fields<T>::add_layer(std::string, const About&);                                                 \
    DEEPREC_ONCE std::size_t Fields<T>::push(std::string_view);                                                        \
    DEEPREC_ONCE std::size_t Fields<T>::push_number(std::uint64_t);                                                    \
    namespace detail {                                                                                                 \
    DEEPREC_ONCE class GradientSum<T>;                                                                                 \
    DEEPREC_ONCE class SharedTables<T>;                                                                                \
    DEEPREC_ONCE void drop_empty<T>(ParameterList<T>&);                                                                \
    DEEPREC_ONCE Index count_trained<T>(FunctionRef<void(Fields<T>&)>);                                                \
    DEEPREC_ONCE void check_gradients<T>(const ParameterList<T>&);                                                     \
    DEEPREC_ONCE ParameterList<T> take_list<T>(Fields<T>&, bool);                                                      \
    DEEPREC_ONCE void fill_parameters<T>(const ParameterList<T>&);                                                     \
    DEEPREC_ONCE History fit_loop<T>(TrainingTask<T>&, TrainingTask<T>*, const OptimizerRef<T>&, const LoopOptions&,   \
                                     ThreadPool&, std::span<const CallbackRef>, std::span<const MetricRef<T>>);        \
    DEEPREC_ONCE void write_state<T>(const std::filesystem::path&, const TrainingState<T>&);                           \
    DEEPREC_ONCE void read_state<T>(const std::filesystem::path&, TrainingState<T>&);                                  \
    DEEPREC_ONCE SafetensorsWriter collect<T>(const Fields<T>&, const Metadata&,                                       \
                                              const std::function<void(SafetensorsWriter&, const Parameter<T>&)>&);    \
    DEEPREC_ONCE LoadReport check_tensors<T>(const Fields<T>&, const SafetensorsReader&, const LoadOptions&);          \
    DEEPREC_ONCE void read_tensors<T>(const Fields<T>&, SafetensorsReader&, const LoadOptions&);                       \
    DEEPREC_ONCE Tensor<T, 2> joined_targets<T>(const Record&);                                                        \
    DEEPREC_ONCE Block<const T> join<T>(const RecordShape&, std::span<const Block<const T>>, Buffer<T>&,               \
                                        Buffer<std::uint8_t>&);                                                        \
    }

DEEPREC_TRAINING_ONCE(float)
DEEPREC_TRAINING_ONCE(double)

#undef DEEPREC_ACTIVATION_ONCE
#undef DEEPREC_KERNELS_ONCE
#undef DEEPREC_OPTIMIZER_ONCE
#undef DEEPREC_TRAINING_ONCE
#undef DEEPREC_ONCE

DEEPREC_END
