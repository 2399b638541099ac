<?php
// The life of a service: what WHMCS does when staff, a customer or the API change one, with the hooks around it.

declare(strict_types=1);

namespace StandIn;

use WHMCS\Database\Capsule;

final class Services
{
    public static function create(int $service): void
    {
        self::step($service, 'Create', 'CreateAccount', ['domainstatus' => 'Active']);
    }

    public static function suspend(int $service, string $reason): void
    {
        self::step($service, 'Suspend', 'SuspendAccount', ['domainstatus' => 'Suspended', 'suspendreason' => $reason]);
    }

    public static function unsuspend(int $service): void
    {
        self::step($service, 'Unsuspend', 'UnsuspendAccount', ['domainstatus' => 'Active', 'suspendreason' => '']);
    }

    /** Usage that is on no invoice yet comes onto one of its own. */
    public static function terminate(int $service): void
    {
        self::step($service, 'Terminate', 'TerminateAccount', ['domainstatus' => 'Terminated']);
        Invoices::ofTerminated($service);
    }

    public static function upgrade(int $service, int $product): void
    {
        Capsule::table('tblhosting')->where('id', $service)->update(['packageid' => $product]);
        self::step($service, 'ChangePackage', 'ChangePackage', []);
    }

    /** As many of a configurable option as the customer wants now. */
    public static function option(int $service, int $option, int $count): void
    {
        $sub = Capsule::table('tblproductconfigoptionssub')->where('configid', $option)->first(['id']);
        $key = ['relid' => $service, 'configid' => $option];
        Capsule::table('tblhostingconfigoptions')->updateOrInsert($key, ['optionid' => $sub->id, 'qty' => $count]);
        self::step($service, 'ChangePackage', 'ChangePackage', []);
    }

    /** The row goes; what was billed of it stays on the invoices. */
    public static function delete(int $service): void
    {
        $client = (int) Capsule::table('tblhosting')->where('id', $service)->value('userid');
        Capsule::table('tblhosting')->where('id', $service)->delete();
        Hooks::run('ServiceDelete', ['serviceid' => $service, 'userid' => $client]);
    }

    private static function step(int $service, string $what, string $function, array $becomes): void
    {
        Capsule::table('stand_in_calls')->insert(['service' => $service, 'command' => $function]);
        Hooks::run("PreModule$what", ['params' => Modules::params($service)]);
        $said = Modules::of($service, $function);
        if ($said !== 'success') {
            Hooks::run("AfterModule{$what}Failed", ['params' => Modules::params($service), 'failureResponseMessage' => $said]);
            throw new \RuntimeException("$function of service $service: $said");
        }
        if ($becomes) {
            Capsule::table('tblhosting')->where('id', $service)->update($becomes);
        }
        Hooks::run("AfterModule$what", ['params' => Modules::params($service)]);
    }
}
