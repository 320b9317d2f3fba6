// SPDX-License-Identifier: Apache-2.0
/* A comment over several lines, before a call over several lines. */
#include <linux/kernel.h>
#include <linux/types.h>

enum vmcs_field {
	PIN_BASED_VM_EXEC_CONTROL	= 0x4000,
	VM_EXIT_REASON			= 0x4402,
};

struct kvm_vcpu {
	u32 pin;
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

static void run_vcpu(struct kvm_vcpu *vcpu)
{
	/*
	 * vmxlint: ignore[VMX102] the value is a ;
	asm volatile("vmresume" : : : "cc", "memory");
}

static int handle_exit(struct kvm_vcpu *vcpu)
{
	return vmcs_read32(VM_EXIT_REASON) == 12;
}

static struct kvm_x86_ops vmx_ops __ro_after_init = {
	.vcpu_run = run_vcpu,
	.handle_exit = handle_exit,
};
