/// A function behind one pointer: what is compiled once calls what is compiled for each type.
#pragma once

#include <memory>
#include <type_traits>
#include <utility>

#include <deeprec/version.hpp>

DEEPREC_BEGIN

template <class Signature>
class FunctionRef;

/// Refers to a callable, which must outlive it. `FunctionRef<void(int)> f = lambda;`
template <class R, class... Args>
class FunctionRef<R(Args...)> {
public:
    template <class F>
        requires(!std::is_same_v<std::remove_cvref_t<F>, FunctionRef> && std::is_invocable_r_v<R, F&, Args...>)
    FunctionRef(F&& f)
        : self_(const_cast<void*>(static_cast<const void*>(std::addressof(f)))),
          call_([](void* self, Args... args) -> R {
              return (*static_cast<std::remove_reference_t<F>*>(self))(std::forward<Args>(args)...);
          }) {}
    R operator()(Args... args) const { return call_(self_, std::forward<Args>(args)...); }

private:
    void* self_;
    R (*call_)(void*, Args...);
};

DEEPREC_END
