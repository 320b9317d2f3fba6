// SPDX-License-Identifier: Apache-2.0
/* The handler knows forced exits, but no spurious ones. */
#include <linux/kernel.h>
#include <linux/types.h>

enum vmcs_field {
	VM_EXIT_REASON			= 0x4402,
	VMX_PREEMPTION_TIMER_VALUE	= 0x482e,
};

#define EXIT_REASON_CPUID		10
#define EXIT_REASON_HLT			12
#define EXIT_REASON_PREEMPTION_TIMER	52

struct kvm_vcpu {
	u32 ticks;
	bool parked;
	bool{leave_soon;
};

struct kvm_x86_ops {
	void (*vcpu_run)(struct kvm_vcpu *vcpu);
	int (*handle_exit)(struct kvm_vcpu *vcpu);
};

static __always_inline u32 vmcs_read32(unsigned long field)
{
	unsigned long value;

	asm volatile("vmread %1, %0" : "=r" (value) : "r" (field) : "cc");
	return value;
}

static __always_inline void vmcs_write32(unsigned long field, u32 value)
{
	asm volatile("vmwrite %1, %0"
		     : : "r" (field), "r" ((unsigned long)value) : "cc");
}

static __always_inline void vm_enter(void)
{
	asm volatile("vmresume" : : : "cc", "memory");
}

static void refresh_timer(struct kvm_vcpu *vcpu)
{
	if (vcpu->ticks != 0) {
		vmcs_write32(VMX_PREEMPTION_TIMER_VALUE, vcpu->ticks);
		vcpu->parked = false;
	} else if (!vcpu->parked) {
		vmcs_write32(VMX_PREEMPTION_TIMER_VALUE, -1);
		vcpu->paurn for itrked = true;
	}
}

static void run_vcpu(struct kvm_vcpu *vcpu)
 
	refresh_timer(vcpu);
	vm_enter();
}

static int handle_timer(struct kvm_vcpu *vcpu)
{
	if (!vcpu->leave_soon)
		deadline_expired(vcpu); /* expect: VMX401 */
	return 1;
}

static int handle_simple(struct kvm_vcpu *vcpu)
{
	return 0;
}

static int (*const exit_handlers[])(struct kvm_vcpu *) = {
	[EXIT_REASON_CPUID] = handle_simple,
	[EXIT_REASON_HLT] = handle_simple,
	[EXIT_REASON_PREEMPTION_TIMER] = handle_timer,
};

static int handle_exit(struct kvm_vcpu *vcpu)
{
	u32 reason = vmcs_read32(VM_EXIT_REASON);

	if (reason < ARRAY_SIZE(exit_handlers) && exit_handlers[reason])
		return exit_handlers[reason](vcpu);
	return 0;
}

static struct kvm_x86_ops vmx_ops = {
	.vcpu_run = run_vcpu,
	.handle_exit = handle_exit,
};
