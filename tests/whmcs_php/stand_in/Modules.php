<?php
// Server modules and what they are handed. A module whose file is not there is another vendor's: it does what it is told.

declare(strict_types=1);

namespace StandIn;

use WHMCS\Database\Capsule;

final class Modules
{
    private const SETTINGS = 24;

    /** @return string 'success', or why not */
    public static function of(int $service, string $function): string
    {
        $product = Capsule::table('tblhosting')->join('tblproducts', 'tblproducts.id', '=', 'tblhosting.packageid')
            ->where('tblhosting.id', $service)->first(['servertype']);
        $call = self::find((string) $product->servertype, $function);
        return $call === null ? 'success' : (string) $call(self::params($service));
    }

    /** A function of a module, as WHMCS finds it: by its name. */
    public static function find(string $module, string $function): ?string
    {
        $file = getenv('WHMCS_ROOT') . "/modules/servers/$module/$module.php";
        if (is_file($file)) {
            require_once $file;
        }
        return function_exists("{$module}_$function") ? "{$module}_$function" : null;
    }

    /** @return object[] the servers in use */
    public static function servers(): array
    {
        return Capsule::table('tblservers')->where('disabled', 0)->orderBy('id')->get()->all();
    }

    public static function serverParams(object $server): array
    {
        return [
            'server' => true,
            'serverid' => (int) $server->id,
            'serverip' => $server->ipaddress,
            'serverhostname' => $server->hostname,
            'serverusername' => $server->username,
            'serverpassword' => self::decrypted($server->password),
            'serveraccesshash' => self::decrypted($server->accesshash),
            'serversecure' => $server->secure === 'on',
            'serverhttpprefix' => $server->secure === 'on' ? 'https' : 'http',
            'serverport' => (string) $server->port,
            'whmcsVersion' => '9.0.2-release.1',
        ];
    }

    public static function params(int $service): array
    {
        $row = Capsule::table('tblhosting')->where('id', $service)->first();
        $product = Capsule::table('tblproducts')->where('id', $row->packageid)->first();
        $server = Capsule::table('tblservers')->where('id', $row->server)->first();
        $params = $server ? self::serverParams($server) : ['serverid' => 0];
        for ($number = 1; $number <= self::SETTINGS; $number++) {
            $params["configoption$number"] = $product->{"configoption$number"};
        }
        return $params + [
            'serviceid' => $service, 'addonId' => 0, 'userid' => (int) $row->userid, 'pid' => (int) $row->packageid,
            'domain' => $row->domain, 'username' => $row->username, 'password' => self::decrypted($row->password),
            'moduletype' => $product->servertype, 'producttype' => $product->type, 'status' => $row->domainstatus,
        ];
    }

    /** WHMCS encrypts what is secret with a key of its installation; here it is enough that it is not what it was. */
    public static function encrypted(string $plain): string
    {
        return $plain === '' ? '' : strrev(base64_encode($plain));
    }

    public static function decrypted(string $stored): string
    {
        return (string) base64_decode(strrev($stored));
    }
}
